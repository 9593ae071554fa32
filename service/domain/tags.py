"""Tags: the #words of captions, and the photos under them."""

import re
import unicodedata

from service.domain import ids
from service.domain.entities import Session
from service.domain.errors import NotFoundError
from service.domain.pages import Page, cut
from service.domain.photo_views import PhotoViews
from service.domain.photos import PhotoView
from service.domain.ports import TagStore

MOST_TAGS = 30
LONGEST_TAG = 64

_TAG = re.compile(rf"(?<![\w#])#(\w{{1,{LONGEST_TAG}}})(?!\w)")


def tags_of(caption: str) -> list[str]:
    """The caption's tags in their order, each once, as `normal` writes them; at most MOST_TAGS."""
    found = (normal(match) for match in _TAG.findall(unicodedata.normalize("NFC", caption)))
    return list(dict.fromkeys(tag for tag in found if tag))[:MOST_TAGS]


def normal(tag: str) -> str | None:
    """The one spelling of a tag, None when it is none: composed and in lower case, letters, digits and `_` only."""
    spelt = unicodedata.normalize("NFC", tag).lower()
    return spelt if len(spelt) <= LONGEST_TAG and re.fullmatch(r"\w+", spelt) else None


class Tags:
    """Photos by tag."""

    def __init__(self, tags: TagStore, views: PhotoViews) -> None:
        self._tags = tags
        self._views = views

    def page(self, session: Session, tag: str, limit: int, before: int | None) -> Page[PhotoView, int]:
        """The newest photos under a tag with ids below `before`; NotFoundError when there can be no such tag."""
        spelt = normal(tag)
        if spelt is None:
            raise NotFoundError(f"no such tag: it has 1 to {LONGEST_TAG} letters, digits or underscores")
        found = self._tags.newest_tagged(spelt, before or ids.LARGEST, limit + 1, session.wrote_lately)
        return self._views.page(cut(found, limit, lambda photo_id: photo_id))
