"""
The letters beyond ASCII that languages write with the Latin and Cyrillic alphabets.

What a text has beside them is a name or a loan word here and there; where much of it is others, its encoding
was guessed wrongly. Languages by ISO 639-1, letters in lower case.

Vietnamese stands apart: it has nearly all letters of Western Europe.

Source: CLDR, exemplar characters (main, and auxiliary ones where a language's own words have them).
"""

_RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюяё"

ALPHABETS: dict[str, str] = {
    "be": "абвгдежзйклмнопрстуфхцчшыьэюяёіў",
    "bg": "абвгдежзийклмнопрстуфхцчшщъьюяѝ",
    "ca": "àçéèíïóòúüñ",
    "cs": "áčďéěíňóřšťúůýž",
    "cy": "âêîôûŵŷáàéèíìóòúùẃẁýỳäëïöüẅÿ",
    "da": "åæøéäöü",
    "de": "äöüßé",
    "en": "éèêëàâçîïôöüñ",
    "eo": "ĉĝĥĵŝŭ",
    "es": "áéíñóúüºª",
    "et": "äõöüšž",
    "fi": "åäöšž",
    "fr": "éèêëàâçùûüîïôœæÿ",
    "ga": "áéíóúḃċḋḟġṁṗṡṫ",
    "hr": "čćđšž",
    "hu": "áéíóöőúüű",
    "id": "é",
    "is": "áéíóúýðþæö",
    "it": "àèéìíîòóùúºª",
    "kk": _RUSSIAN + "әғқңөұүһі",
    "ky": _RUSSIAN + "ңөү",
    "lt": "ąčęėįšųūž",
    "lv": "āčēģīķļņšūžŗō",
    "mk": "абвгдежзијклмнопрстуфхцчшѓѕјљњќџѐѝ",
    "mn": _RUSSIAN + "өү",
    "ms": "é",
    "mt": "ċġħżàèìòù",
    "nl": "éëïöüèêçóáíú",
    "no": "åæøéèêóòôü",
    "pl": "ąćęłńóśźż",
    "pt": "áâãàçéêíóôõúüºª",
    "ro": "ăâîşţșțêéó",
    "ru": _RUSSIAN,
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "sl": "čšžćđ",
    "sq": "çë",
    "sr": "абвгдежзијклмнопрстуфхцчшђћјљњџ",
    "sv": "åäöéàü",
    "tr": "çğ\u0131öşüâîûi",
    "tg": _RUSSIAN + "ғӣқӯҳҷ",
    "uk": "абвгдежзийклмнопрстуфхцчшщьюяєіїґ",
}

VIETNAMESE = "ăâđêôơưàáãèéìíòóõùúýảẻỉỏủỷạẹịọụỵấầẩẫậắằẳẵặếềểễệốồổỗộớờởỡợứừửữự"
