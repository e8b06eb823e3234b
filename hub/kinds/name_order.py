"""Full names that stand family name first: by their script, by a patronymic, or because the source says so. Pure.

The answer is the name as 'Family, Given', which the parser understands; None: nothing says that it stands this way.
"""

from __future__ import annotations

import re

from hub.kinds.name_suffix import split_suffix
from hub.kinds.names import PARTICLES
from hub.kinds.reading import letters

# Chinese family names of two characters, simplified and traditional. Others have one.
_TWO = frozenset(
    [
        "欧阳",
        "歐陽",
        "司马",
        "司馬",
        "上官",
        "诸葛",
        "諸葛",
        "东方",
        "東方",
        "皇甫",
        "尉迟",
        "尉遲",
        "公孙",
        "公孫",
        "令狐",
        "宇文",
        "长孙",
        "長孫",
        "慕容",
        "夏侯",
        "司徒",
        "司空",
        "端木",
        "百里",
        "东郭",
        "東郭",
        "南宫",
        "南宮",
        "西门",
        "西門",
        "独孤",
        "獨孤",
        "轩辕",
        "軒轅",
        "呼延",
        "钟离",
        "鍾離",
        "澹台",
        "澹臺",
        "公冶",
        "宗政",
        "濮阳",
        "濮陽",
        "淳于",
        "单于",
        "單于",
        "申屠",
        "太史",
        "闻人",
        "聞人",
    ]
)
_HAN = r"[\u3400-\u9fff\uf900-\ufaff々]"
_KANA = r"[\u3040-\u30ff]"
_ONLY_HAN = re.compile(f"{_HAN}{{2,4}}")
_HAN_AND_KANA = re.compile(f"({_HAN}+)({_KANA}+)")  # 山田さくら
_PATRONYMIC = re.compile(
    r"\w{2,}(?:ович|евич|ёвич|овна|евна|ёвна|ична|івна|ївна|йович|ьич|мич|ич|кич)"
    r"|\w{2,}(?:ovich|evich|ovitch|evitch|ovna|evna|ichna|inichna|yevich|yevna|ivna)",
    re.IGNORECASE,
)
_RUSSIAN_FAMILY = re.compile(
    r"\w+(?:ov|ova|ev|eva|yov|in|ina|yn|yna|sky|skiy|skij|skii|skaya|skaia|tsky|enko|chuk|yuk|uk|ko)", re.IGNORECASE
)


def by_script(text: str) -> str | None:
    """王小明 -> '王, 小明'; Иванов Иван Иванович -> 'Иванов, Иван Иванович'."""
    if found := _HAN_AND_KANA.fullmatch(text):
        return f"{found[1]}, {found[2]}"
    if _ONLY_HAN.fullmatch(text):
        size = 2 if text[:2] in _TWO and len(text) > 2 else 2 if len(text) == 4 else 1
        return f"{text[:size]}, {text[size:]}"
    words = text.split(" ")
    if len(words) == 3 and _PATRONYMIC.fullmatch(words[2]) and not _PATRONYMIC.fullmatch(words[1]):
        cyrillic = all("\u0400" <= c <= "\u04ff" or not c.isalpha() for c in text)
        if cyrillic or _RUSSIAN_FAMILY.fullmatch(words[0]):
            return f"{words[0]}, {words[1]} {words[2]}"
    return None


def family_first(text: str, forms_of_address: frozenset[str]) -> str | None:
    """'Dr. Nagy Péter' -> 'Nagy, Dr. Péter', where a source writes all its names so. A comma has said it already."""
    bare, suffix = split_suffix(text)
    words = [word for word in bare.split(" ") if word]
    start = 0
    while start < len(words) - 1 and letters(words[start]) in forms_of_address:
        start += 1
    size = start
    while size < len(words) - 2 and words[size].lower() in PARTICLES:
        size += 1
    given = words[size + 1 :]
    if "," in bare or not given:
        return None
    rest = " ".join([*words[:start], *given, *([suffix] if suffix else [])])
    return f"{' '.join(words[start : size + 1])}, {rest}"
