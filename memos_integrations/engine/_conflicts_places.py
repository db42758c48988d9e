"""Places told apart by their extent, since who lives in France may live in Lyon. Computes only."""

import re
from typing import Final

from memos_integrations.engine._words import fold, is_east_asian

_COUNTRIES: Final = """
    afghanistan, albania, algeria, argentina, armenia, australia, austria, azerbaijan, bangladesh, belarus,
    belgium, bolivia, bosnia, brazil, bulgaria, cambodia, cameroon, canada, chile, china, colombia, costa rica,
    croatia, cuba, cyprus, czechia, czech republic, denmark, dominican republic, ecuador, egypt, england,
    estonia, ethiopia, finland, france, georgia, germany, ghana, great britain, greece, guatemala, honduras,
    hungary, iceland, india, indonesia, iran, iraq, ireland, israel, italy, jamaica, japan, jordan, kazakhstan,
    kenya, korea, south korea, north korea, kuwait, latvia, lebanon, libya, lithuania, luxembourg, malaysia,
    malta, mexico, moldova, mongolia, montenegro, morocco, myanmar, nepal, netherlands, holland, new zealand,
    nicaragua, nigeria, northern ireland, north macedonia, norway, oman, pakistan, panama, paraguay, peru,
    philippines, poland, portugal, qatar, romania, russia, rwanda, saudi arabia, scotland, senegal, serbia,
    slovakia, slovenia, somalia, south africa, spain, sri lanka, sudan, sweden, switzerland, syria, taiwan,
    tanzania, thailand, tunisia, turkey, uganda, ukraine, united arab emirates, uae, united kingdom, uk,
    united states, united states of america, usa, us, america, states, uruguay, uzbekistan, venezuela, vietnam,
    wales, yemen, zambia, zimbabwe, 中国, 美国, 英国, 法国, 德国, 日本, 韩国, 加拿大, 澳大利亚, 新西兰, 意大利,
    西班牙, 葡萄牙, 荷兰, 比利时, 瑞士, 瑞典, 挪威, 芬兰, 丹麦, 俄罗斯, 印度, 泰国, 越南, 马来西亚, 新加坡,
    巴西, 墨西哥, 阿根廷, 埃及, 南非, 国外, 国内, 台湾
"""
_REGIONS: Final = """
    europe, asia, africa, north america, south america, latin america, scandinavia, middle east, eu, midwest,
    east coast, west coast, alabama, alaska, arizona, arkansas, california, colorado, connecticut, delaware,
    florida, hawaii, idaho, illinois, indiana, iowa, kansas, kentucky, louisiana, maine, maryland,
    massachusetts, michigan, minnesota, mississippi, missouri, montana, nebraska, nevada, new hampshire,
    new jersey, new mexico, new york state, north carolina, north dakota, ohio, oklahoma, oregon, pennsylvania,
    rhode island, south carolina, south dakota, tennessee, texas, utah, vermont, virginia, west virginia,
    wisconsin, wyoming, ontario, quebec, british columbia, alberta, manitoba, nova scotia, new south wales,
    queensland, victoria, tasmania, bavaria, saxony, hesse, brittany, normandy, provence, tuscany, sicily,
    lombardy, catalonia, andalusia, cornwall, yorkshire, kent, sussex, silicon valley, bay area, 欧洲, 亚洲,
    非洲, 北美, 加州, 江苏, 浙江, 广东, 四川, 湖北, 湖南, 河北, 河南, 山东, 山西, 陕西, 福建, 安徽, 江西, 云南,
    贵州, 海南, 辽宁, 吉林, 黑龙江, 甘肃, 青海, 内蒙古, 广西, 新疆, 西藏, 宁夏, 南方, 北方
"""
_DISTRICTS: Final = """
    brooklyn, queens, manhattan, the bronx, bronx, staten island, harlem, soho, chelsea, hackney, camden,
    islington, brixton, shoreditch, greenwich, notting hill, montmartre, kreuzberg, neukölln, prenzlauer berg,
    charlottenburg, hollywood, santa monica, shibuya, shinjuku, 浦东, 海淀, 朝阳, 徐汇, 静安, 南山, 福田, 天河
"""
_NAMES: Final = {
    name.strip(): extent
    for extent, listed in (("country", _COUNTRIES), ("region", _REGIONS), ("district", _DISTRICTS))
    for name in listed.split(",")
}
_PART: Final = re.compile(
    r"\d|\b(?:street|st|road|rd|avenue|ave|lane|drive|boulevard|square|district|borough|quarter|arrondissement"
    r"|apartments?|downtown|uptown|heights|hill|village|park|side|end|county|valley|island|north|south|east|west|house|hall|dorm\w*"
    r"|campus)\b"
    r"|(?:区|县|路|街|镇|村|小区|省|州|郊|附近|宿舍|公寓)$"
)


def level(place: str) -> str:
    """How wide the place of that name is: a country, a region, a town, or a part of one; by its first part."""
    first = fold(place).split(",")[0].strip().removeprefix("the ")
    if first in _NAMES:
        return _NAMES[first]
    if is_east_asian(first):
        return "part" if _PART.search(first) else _NAMES.get(first.removesuffix("市"), "town")
    return "part" if _PART.search(first) else "town"
