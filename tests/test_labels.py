"""Foreign text on the screen: legible, harmless, and as wide as it says."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len
from wcwidth import wcswidth

from softmax_visualizer.display.labels import cell_width, label, pad, place_of, safe_line, wrap

any_text = st.text(st.characters(exclude_categories=()))
widths = st.integers(0, 30)


def is_harmless(text: str) -> bool:
    return all(unicodedata.category(char)[0] not in "CM" and char.isprintable() for char in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("lazy", "lazy"),
        (" lazy", "␣lazy"),
        ("a  b ", "a␣␣b␣"),
        ("\n\n", "⏎⏎"),
        ("\tx\r", "⇥x␍"),
        ("\x00\x07\x08\x7f", "␀␇␈␡"),
        ("\x1b[31m", "␛[31m"),
        ("\x9b2J", "<0x9B>2J"),
        ("", "<empty>"),
        ("\xa0\u2003\u3000", "<U+00A0><U+2003><U+3000>"),
        ("\u200b\u200d\u2060\ufeff", "<U+200B><U+200D><U+2060><U+FEFF>"),
        ("\u202eabc\u2066", "<U+202E>abc<U+2066>"),
        ("co\xadop", "co<U+00AD>op"),
        ("\u2028\u2029", "<U+2028><U+2029>"),
        ("\ud83d", "<U+D83D>"),
        ("\udcf0", "<U+DCF0>"),
        ("\ue000\U000e0041", "<U+E000><U+E0041>"),
        ("\u0301", "<U+0301>"),
        ("e\u0301", "e<U+0301>"),
        ("❤\ufe0f", "❤<U+FE0F>"),
        ("👩\u200d👧", "👩<U+200D>👧"),
        ("👍\U0001f3fd", "👍<U+1F3FD>"),
        ("\U0001f1eb\U0001f1ee", "<U+1F1EB><U+1F1EE>"),
        ("日本", "日本"),
        ("한국", "한국"),
        ("\u1112\u1161", "<U+1112><U+1161>"),
        ("\u3164\u2800", "<U+3164><U+2800>"),
        ("été Ω д שלום", "été␣Ω␣д␣שלום"),
        ("[/INST]", "[/INST]"),
        ("[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        ("\ufffd", "<U+FFFD>"),
        ("␣⏎", "<U+2423><U+23CE>"),
    ],
)
def test_every_character_of_a_token_is_visible(text: str, shown: str) -> None:
    assert label(text, None, 99) == shown


@pytest.mark.parametrize(
    ("text", "data", "shown"),
    [
        (" lazy", b" lazy", "␣lazy"),
        ("\ufffd", b"\xf0\x9f", "<0xF0><0x9F>"),
        ("\\xf0\\x9f", b"\xf0\x9f", "<0xF0><0x9F>"),
        ("caf\ufffd", b"caf\xc3", "caf<0xC3>"),
        ("\ufffd é", b"\xa9 \xc3\xa9", "<0xA9>␣é"),
        ("\ufffd", b"\xef\xbf\xbd", "<0xEF><0xBF><0xBD>"),
        ("\ufffd", b"\xed\xa0\x80", "<0xED><0xA0><0x80>"),
        ("", b"\xf0", "<0xF0>"),
        ("x", b"", "x"),
        ("", b"", "<empty>"),
    ],
)
def test_bytes_that_are_no_text_are_shown_as_bytes(text: str, data: bytes, shown: str) -> None:
    assert label(text, data, 99) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The quick  brown fox", "The quick  brown fox"),
        (" jumps over the ", "␣jumps over the␣"),
        ("   ", "␣␣␣"),
        ("", ""),
        ("Error:\n\x1b]52;c;aGk=\x07", "Error:⏎␛]52;c;aGk=␇"),
        ("gpt\u202e4", "gpt<U+202E>4"),
        ("\ud83d", "<U+D83D>"),
        ("␣", "␣"),
    ],
)
def test_a_line_keeps_the_spaces_between_its_words(text: str, shown: str) -> None:
    assert safe_line(text) == shown


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("lazy", 4, "lazy"),
        ("lazily", 4, "laz…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("日本語", 2, "…"),
        ("ab\x9bcd", 8, "ab…"),
        ("ab\x9bcd", 9, "ab<0x9B>…"),
        ("\x9bcd", 5, "<0x9…"),
        ("lazy", 1, "…"),
        ("lazy", 0, ""),
    ],
)
def test_a_label_too_long_for_its_cells_ends_in_an_ellipsis(text: str, width: int, shown: str) -> None:
    assert label(text, None, width) == shown


def test_a_line_is_cut_where_its_escapes_end() -> None:
    assert safe_line("ab\u202ecd", 9) == "ab…"
    assert safe_line(label("\ufffd", b"\xf0\x9f\x92", 99), 13) == "<0xF0><0x9F>…"


@given(any_text, st.none() | st.binary(), widths)
@example("\u1100\u1100", None, 9)
@example("\u0e33", None, 9)
def test_any_token_is_harmless_and_fits(text: str, data: bytes | None, width: int) -> None:
    shown = label(text, data, width)
    assert is_harmless(shown)
    assert " " not in shown
    assert cell_width(shown) == cell_len(shown) == wcswidth(shown) <= width


@given(any_text, st.none() | widths)
def test_any_line_is_harmless_and_fits(text: str, width: int | None) -> None:
    shown = safe_line(text, width)
    assert is_harmless(shown)
    assert cell_width(shown) == cell_len(shown) == wcswidth(shown)
    assert width is None or cell_width(shown) <= width


def test_every_code_point_is_as_wide_as_it_says() -> None:
    wrong = []
    # of the planes without any character, and of those for private use, the ends will do
    empty = [code for plane in (*range(4, 14), 15, 16) for code in (plane << 16, (plane << 16) + 0xFFFF)]
    for code in (*range(0x40000), *range(0xE0000, 0xF0000), *empty):
        shown = label(chr(code), None, 20)
        if not (is_harmless(shown) and cell_width(shown) == cell_len(shown) == wcswidth(shown) > 0):
            wrong.append(f"U+{code:04X}")
    assert not wrong


@given(st.lists(st.integers(0x80, 0xBF), min_size=1))
def test_every_stray_byte_is_shown(stray: list[int]) -> None:
    assert label("\ufffd", bytes(stray), 1000) == "".join(f"<0x{byte:02X}>" for byte in stray)


@given(any_text, st.none() | st.binary(), widths)
def test_what_was_made_safe_stays_as_it_is(text: str, data: bytes | None, width: int) -> None:
    shown = label(text, data, width)
    assert safe_line(shown, width) == shown


@given(any_text, widths)
def test_padding_fills_the_column_exactly(text: str, width: int) -> None:
    padded = pad(safe_line(text, width), width)
    assert cell_len(padded) == width


def test_a_long_line_is_not_read_to_its_end() -> None:
    assert safe_line("x" * 10_000_000, 5) == "xxxx…"


@given(st.text(max_size=60), st.integers(0, 40))
def test_what_follows_far_behind_the_width_changes_nothing(text: str, width: int) -> None:
    """A text is cut before it is cleaned, and nobody can tell."""
    long = text + "x" * 100
    assert safe_line(long, width) == safe_line(long + " <0xF0>\x1b" * 50, width)
    assert label(long, None, width) == label(long + " <0xF0>\x1b" * 50, None, width)
    data = long.encode("utf-8", "replace")
    assert label("?", data, width) == label("?", data + b"\xf0\x9f" * 500, width)


@pytest.mark.parametrize("end", ["<0xF0>", "<U+10FFFF>", "<empty>", "日", "<0xF", "   ", "\x1b"])
@pytest.mark.parametrize("before", range(10))
def test_the_place_of_the_cut_is_not_seen(end: str, before: int) -> None:
    for width in (8, 9, 20):
        text = "x" * before + end * 30
        # without a width nothing is cut before it is cleaned, and what is clean comes back as it is
        assert safe_line(text, width) == safe_line(safe_line(text), width)


# --- wrapping ---

CHINESE = (
    "语言模型每次只预测下一个词的概率分布，温度越低分布越集中，温度越高分布越平坦，而核采样会先截去概率很小的尾部，再从剩下的词里面"
    "按照概率随机抽取一个词作为输出，这样就不会选到非常离谱的词语。"
)
ADDRESS = (
    "Siehe https://example.org/a/very/long/address/that/nobody/would/ever/break/because/it/is/one/word/and/"
    "goes/on/and/on/to/the/end?q=1 für mehr."
)


@given(st.lists(st.text("ab日本…", max_size=40), max_size=12).map(" ".join), widths)
@example(CHINESE, 76)
@example(ADDRESS, 76)
def test_wrapping_drops_nothing_but_spaces_and_no_line_is_too_wide(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_width(line) <= width or len(line) == 1 for line in lines)


@pytest.mark.parametrize("text", [CHINESE, ADDRESS])
def test_text_without_spaces_fills_its_lines(text: str) -> None:
    *full, last = wrap(text, 40)
    assert {cell_width(line) for line in full} <= {39, 40}
    assert last


def test_a_line_is_broken_no_sooner_than_it_must() -> None:
    assert wrap("one two three", 7) == ["one two", "three"]
    assert wrap("one two three", 6) == ["one", "two", "three"]
    assert wrap("日本 日本", 9) == ["日本 日本"]
    assert wrap("日本 日本", 8) == ["日本", "日本"]
    assert wrap("one 日本日本", 6) == ["one 日", "本日本"]
    assert wrap("", 8) == [""]


def test_a_long_text_is_wrapped_in_one_pass() -> None:
    assert len(wrap("x" * 300_000, 3)) == 100_000


@pytest.mark.parametrize("name", ["lazy", " lazy", "␣lazy"])
def test_a_token_is_found_by_its_name_as_it_is_or_as_it_is_shown(name: str) -> None:
    assert place_of(name, [label(text, None, 9) for text in ("laz", "a lazy", " lazy", "x")], 9) == 2
    assert place_of(name, ["laz"], 9) is None


def test_a_token_is_found_by_a_name_that_is_longer_than_its_label() -> None:
    assert place_of("a\nb cdef", [label("x", None, 5), label(" a\nb cdef", None, 5)], 5) == 1
