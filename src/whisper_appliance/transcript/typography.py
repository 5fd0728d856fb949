"""Characters and words that decide where a line may break, by script and by language."""

import re

# Scripts written without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han and their punctuation.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60"
    "\U00020000-\U0003ffff]"
)
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

NOT_AT_START = frozenset("、。，．：；！？）」』】〕〉》・ーっゃゅょァィゥェォッャュョ…ๆฯ!?,.;:)]}%")
NOT_AT_END = frozenset("（「『【〔〈《([{$€£¥#")
CLOSING = "\"')]}”’»›」』）】"
SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।", "．")
CLAUSE_ENDS = (",", ";", ":", "、", "，", "；", "：", "—", "–", "،")


def _by_language(**words: str) -> dict[str, frozenset[str]]:
    return {language: frozenset(listed.split()) for language, listed in words.items()}


_TITLES = """
    mr mrs ms miss mister dr prof st sir lord lady captain president herr herrn frau hr fr monsieur
    madame mme mlle señor señora sr sra don doña signor signora dott
"""
TITLES = frozenset(_TITLES.split())

# Words that begin a phrase: conjunctions, relative pronouns, prepositions. A line may well begin with them.
PHRASE_STARTS = _by_language(
    en="""
    and but or nor so because although though while when where which who that if unless until after
    before since than with without from into about over under between through during against to of
    in on at by for as
    """,
    de="""
    und aber oder denn weil obwohl während wenn wo welche dass ob bevor nachdem seit als mit ohne
    von aus in über unter zwischen durch gegen zu an auf bei für nach um
    """,
    fr="""
    et mais ou car donc parce quand où qui que dont si avant après depuis avec sans de dans sur sous
    entre par contre pour à chez vers
    """,
    es="""
    y e pero o u porque aunque cuando donde que quien si antes después desde con sin de en sobre
    bajo entre por contra para a hacia
    """,
)

# Words that lean on the next one: a line that ends with them reads badly.
LEANING = _by_language(
    en="a an the my your his her its our their this these those no very",
    de="""
    ein eine einen einem einer eines der die das den dem des mein dein sein ihr unser euer kein keine
    sehr
    """,
    fr="un une le la les des du mon ma mes ton ta tes son sa ses notre votre leur ce cette ces très",
    es="un una el la los las mi tu su nuestro nuestra este esta estos estas muy",
)
