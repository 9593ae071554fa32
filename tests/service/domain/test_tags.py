"""What counts as a tag."""

import pytest

from service.domain.tags import LONGEST_TAG, MOST_TAGS, normal, tags_of


@pytest.mark.parametrize(
    ("caption", "tags"),
    [
        ("", []),
        ("no tags here", []),
        ("#Sea and #sky, #sea again", ["sea", "sky"]),
        ("#one#two", ["one"]),
        ("##three", []),
        ("a#four (#five) #six.", ["five", "six"]),
        ("#Straße #ČERNÝ #日本 #x_1", ["straße", "černý", "日本", "x_1"]),
        ("#cafe\u0301 #caf\u00e9", ["caf\u00e9"]),
        ("# alone #", []),
        ("#" + "x" * LONGEST_TAG, ["x" * LONGEST_TAG]),
        ("#" + "x" * (LONGEST_TAG + 1), []),
        (" ".join(f"#t{number}" for number in range(40)), [f"t{number}" for number in range(MOST_TAGS)]),
    ],
)
def test_tags_of_a_caption(caption: str, tags: list[str]) -> None:
    assert tags_of(caption) == tags


@pytest.mark.parametrize("text", ["", "two words", "a-b", "#x", "x" * 65, "a\0", "\n", "../x"])
def test_what_is_no_tag(text: str) -> None:
    assert normal(text) is None
