"""The interest taxonomy: level-1 interests, their level-2 topics, and industry packs.

Read once from ``taxonomy.yaml`` and checked against ``data.labels``. ``level2_topics`` and
``level1_topics`` match keywords; they need no model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from data.labels import ASPECTS, INTERESTS, RISKS
from data.lexicons.scanner import TermScanner
from data.lexicons.source import LexiconError, read_package_yaml
from data.lexicons.words import word_list

FILE = "taxonomy.yaml"


class TaxonomyError(LexiconError):
    """A taxonomy that does not fit the label keys, or a key it does not hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """One level-2 topic; ``key`` is ``<level 1>.<child>``."""

    key: str
    name: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interest:
    """One level-1 interest with its children in file order."""

    key: str
    name: str
    keywords: tuple[str, ...]
    examples: tuple[str, ...]
    children: tuple[Topic, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    """Extra words for one industry, per aspect, interest (level 1 or 2) and risk."""

    key: str
    name: str
    aspects: Mapping[str, tuple[str, ...]]
    interests: Mapping[str, tuple[str, ...]]
    risks: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Taxonomy:
    """The whole taxonomy; mappings keep file order."""

    interests: Mapping[str, Interest]
    topics: Mapping[str, Topic]
    packs: Mapping[str, Pack]

    def pack(self, key: str) -> Pack:
        """The pack of that key.

        Raises:
            TaxonomyError: there is no such pack.
        """
        if key not in self.packs:
            raise TaxonomyError(
                f"expected a pack of {list(self.packs)}, found {key}; use one of these"
            )
        return self.packs[key]

    def name(self, key: str) -> str:
        """The Chinese name of a level-1 or level-2 key.

        Raises:
            TaxonomyError: the key is in neither level.
        """
        if key in self.interests:
            return self.interests[key].name
        if key in self.topics:
            return self.topics[key].name
        raise TaxonomyError(f"expected a level-1 or level-2 key, found {key}; see {FILE}")


@cache
def load_taxonomy() -> Taxonomy:
    """The taxonomy that ships with the package.

    Raises:
        TaxonomyError: a key, name, keyword list or example is missing, unknown or malformed.
    """
    return build_taxonomy(read_package_yaml("data", FILE))


def build_taxonomy(found: Mapping[str, Any]) -> Taxonomy:
    """A checked taxonomy from parsed YAML.

    Raises:
        TaxonomyError: as for ``load_taxonomy``.
    """
    _check_keys(found, ("interests", "packs"), FILE)
    wrong = sorted(set(found["interests"]) ^ set(INTERESTS))
    if wrong:
        raise TaxonomyError(
            f"{FILE}: expected the keys of labels.INTERESTS, found a difference: {wrong}"
        )
    interests = {key: _build_interest(key, found["interests"][key]) for key in INTERESTS}
    topics = {topic.key: topic for interest in interests.values() for topic in interest.children}
    known = {"aspects": set(ASPECTS), "interests": {*interests, *topics}, "risks": set(RISKS)}
    packs = {key: _build_pack(key, pack, known) for key, pack in found["packs"].items()}
    return Taxonomy(
        interests=MappingProxyType(interests),
        topics=MappingProxyType(topics),
        packs=MappingProxyType(packs),
    )


def level2_topics(text: str, packs: Iterable[str] = ()) -> tuple[str, ...]:
    """The level-2 keys whose keywords stand in the text.

    Most distinct keywords first, then taxonomy order.
    """
    return _ranked(text, _topic_scanner(2, tuple(packs)), load_taxonomy().topics)


def level1_topics(text: str, packs: Iterable[str] = ()) -> tuple[str, ...]:
    """The level-1 keys whose own or children's keywords stand in the text.

    Ranked like ``level2_topics``.
    """
    return _ranked(text, _topic_scanner(1, tuple(packs)), load_taxonomy().interests)


def _ranked(
    text: str, scanner: TermScanner[tuple[str, ...]], order: Mapping[str, object]
) -> tuple[str, ...]:
    lower = text.lower()
    seen = {lower[start:end]: keys for start, end, keys in scanner.scan(lower)}
    if not seen:
        return ()
    votes = Counter(key for keys in seen.values() for key in keys)
    rank = {key: n for n, key in enumerate(order)}
    return tuple(sorted(votes, key=lambda key: (-votes[key], rank[key])))


@lru_cache(maxsize=32)
def _topic_scanner(level: int, packs: tuple[str, ...]) -> TermScanner[tuple[str, ...]]:
    keys: dict[str, tuple[str, ...]] = {}
    for key, word in _keywords(level, packs):
        known = keys.get(word, ())
        keys[word] = known if key in known else (*known, key)
    return TermScanner(keys)


def _keywords(level: int, packs: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    taxonomy = load_taxonomy()
    for interest in taxonomy.interests.values():
        if level == 1:
            yield from ((interest.key, word.lower()) for word in interest.keywords)
        for topic in interest.children:
            key = interest.key if level == 1 else topic.key
            yield from ((key, word.lower()) for word in topic.keywords)
    for name in packs:
        for key, words in taxonomy.pack(name).interests.items():
            if level == 1 or key in taxonomy.topics:
                shown = key.partition(".")[0] if level == 1 else key
                yield from ((shown, word.lower()) for word in words)


def _build_interest(key: str, found: Mapping[str, Any]) -> Interest:
    where = f"{FILE}: {key}"
    _check_keys(found, ("name", "keywords", "examples", "children"), where)
    children = []
    for child, topic in found["children"].items():
        _check_keys(topic, ("name", "keywords"), f"{where}.{child}")
        words = _keyword_list(topic["keywords"], f"{where}.{child}")
        children.append(Topic(key=f"{key}.{child}", name=topic["name"], keywords=words))
    return Interest(
        key=key,
        name=found["name"],
        keywords=_keyword_list(found["keywords"], where),
        examples=word_list(found["examples"], where),
        children=tuple(children),
    )


def _build_pack(key: str, found: Mapping[str, Any], known: Mapping[str, set[str]]) -> Pack:
    where = f"{FILE}: packs.{key}"
    _check_keys(found, ("name", *known), where)
    groups: dict[str, Mapping[str, tuple[str, ...]]] = {}
    for group, keys in known.items():
        unknown = sorted(set(found[group]) - keys)
        if unknown:
            raise TaxonomyError(
                f"{where}.{group}: expected known keys, found {unknown}; rename them"
            )
        lists = {name: word_list(words, f"{where}.{name}") for name, words in found[group].items()}
        groups[group] = MappingProxyType(lists)
    return Pack(key=key, name=found["name"], **groups)


def _keyword_list(found: Any, where: str) -> tuple[str, ...]:
    words = word_list(found, where)
    short = [word for word in words if len(word) < 2]
    if short:
        raise TaxonomyError(f"{where}: expected keywords of two or more characters, found {short}")
    return words


def _check_keys(found: Any, expected: tuple[str, ...], where: str) -> None:
    if not isinstance(found, Mapping) or set(found) != set(expected):
        shown = sorted(found) if isinstance(found, Mapping) else type(found).__name__
        raise TaxonomyError(
            f"{where}: expected keys {list(expected)}, found {shown}; correct the file"
        )
