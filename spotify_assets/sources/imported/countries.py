"""Names of markets as files write them, and their ISO 3166-1 codes.

A name that stands for no single country (``world``) has no code; a name that is not here is left as it is
written.
"""

from __future__ import annotations

import re

_CODES = (
    "AD andorra; AE united arab emirates|uae; AF afghanistan; AG antigua and barbuda; AI anguilla; AL "
    "albania; AM armenia; AO angola; AQ antarctica; AR argentina; AS american samoa; AT austria; AU "
    "australia; AW aruba; AX aland islands|åland islands; AZ azerbaijan; BA bosnia and "
    "herzegovina|bosnia; BB barbados; BD bangladesh; BE belgium; BF burkina faso; BG bulgaria; BH "
    "bahrain; BI burundi; BJ benin; BL saint barthelemy|saint barthélemy; BM bermuda; BN brunei|brunei "
    "darussalam; BO bolivia; BQ bonaire|caribbean netherlands; BR brazil; BS bahamas|the bahamas; BT "
    "bhutan; BW botswana; BY belarus; BZ belize; CA canada; CC cocos islands; CD democratic republic of "
    "the congo|dr congo|congo kinshasa; CF central african republic; CG republic of the congo|congo|congo "
    "brazzaville; CH switzerland; CI ivory coast|cote d'ivoire|côte d'ivoire; CK cook islands; CL chile; "
    "CM cameroon; CN china; CO colombia; CR costa rica; CU cuba; CV cape verde|cabo verde; CW "
    "curacao|curaçao; CX christmas island; CY cyprus; CZ czech republic|czechia; DE germany; DJ djibouti; "
    "DK denmark; DM dominica; DO dominican republic; DZ algeria; EC ecuador; EE estonia; EG egypt; EH "
    "western sahara; ER eritrea; ES spain; ET ethiopia; FI finland; FJ fiji; FK falkland islands; FM "
    "micronesia; FO faroe islands; FR france; GA gabon; GB united kingdom|uk|great britain; GD grenada; "
    "GE georgia; GF french guiana; GG guernsey; GH ghana; GI gibraltar; GL greenland; GM gambia|the "
    "gambia; GN guinea; GP guadeloupe; GQ equatorial guinea; GR greece; GT guatemala; GU guam; GW guinea "
    "bissau; GY guyana; HK hong kong; HN honduras; HR croatia; HT haiti; HU hungary; ID indonesia; IE "
    "ireland; IL israel; IM isle of man; IN india; IQ iraq; IR iran; IS iceland; IT italy; JE jersey; JM "
    "jamaica; JO jordan; JP japan; KE kenya; KG kyrgyzstan; KH cambodia; KI kiribati; KM comoros; KN "
    "saint kitts and nevis|st. kitts and nevis; KP north korea; KR south korea|korea|republic of korea; "
    "KW kuwait; KY cayman islands; KZ kazakhstan; LA laos; LB lebanon; LC saint lucia|st. lucia; LI "
    "liechtenstein; LK sri lanka; LR liberia; LS lesotho; LT lithuania; LU luxembourg; LV latvia; LY "
    "libya; MA morocco; MC monaco; MD moldova; ME montenegro; MF saint martin; MG madagascar; MH marshall "
    "islands; MK north macedonia|macedonia; ML mali; MM myanmar|burma; MN mongolia; MO macao|macau; MP "
    "northern mariana islands; MQ martinique; MR mauritania; MS montserrat; MT malta; MU mauritius; MV "
    "maldives; MW malawi; MX mexico; MY malaysia; MZ mozambique; NA namibia; NC new caledonia; NE niger; "
    "NF norfolk island; NG nigeria; NI nicaragua; NL netherlands|the netherlands|holland; NO norway; NP "
    "nepal; NR nauru; NU niue; NZ new zealand; OM oman; PA panama; PE peru; PF french polynesia; PG papua "
    "new guinea; PH philippines|the philippines; PK pakistan; PL poland; PR puerto rico; PS palestine; PT "
    "portugal; PW palau; PY paraguay; QA qatar; RE reunion|réunion; RO romania; RS serbia; RU "
    "russia|russian federation; RW rwanda; SA saudi arabia; SB solomon islands; SC seychelles; SD sudan; "
    "SE sweden; SG singapore; SI slovenia; SK slovakia; SL sierra leone; SM san marino; SN senegal; SO "
    "somalia; SR suriname; SS south sudan; ST sao tome and principe|são tomé and príncipe; SV el "
    "salvador; SX sint maarten; SY syria; SZ eswatini|swaziland; TC turks and caicos islands; TD chad; TG "
    "togo; TH thailand; TJ tajikistan; TL timor leste|east timor; TM turkmenistan; TN tunisia; TO tonga; "
    "TR turkey|türkiye|turkiye; TT trinidad and tobago; TV tuvalu; TW taiwan; TZ tanzania; UA ukraine; UG "
    "uganda; US united states|usa|united states of america; UY uruguay; UZ uzbekistan; VA vatican city; "
    "VC saint vincent and the grenadines|st. vincent and the grenadines; VE venezuela; VG british virgin "
    "islands; VI us virgin islands; VN vietnam|viet nam; VU vanuatu; WF wallis and futuna; WS samoa; XK "
    "kosovo; YE yemen; YT mayotte; ZA south africa; ZM zambia; ZW zimbabwe"
)
NOWHERE = frozenset({"world", "worldwide", "global"})
"""Charts of no single market."""

CODES: dict[str, str] = {name: entry[:2] for entry in _CODES.split("; ") for name in entry[3:].split("|")}
"""Code of each name."""


def market_code(text: str) -> str | None:
    """The code of a market by its name or code, in any case, with blanks, _ or - between its words.

    None for charts of all markets.
    """
    folded = " ".join(re.sub("[_-]", " ", text.casefold().replace("’", "'")).split())
    if folded in NOWHERE:
        return None
    return CODES.get(folded, folded.upper() if len(folded) == 2 else text)
