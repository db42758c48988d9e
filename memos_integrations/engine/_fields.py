"""The fields of everyday life, as words: a light bridge between a preference and a question that share no word.

"I keep kosher" bears on "where should we have dinner?", though no word is the same. Both belong to food. The table is
general knowledge, not made from any data set; a word may stand in several fields.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from memos_integrations.engine._words import is_east_asian, tokens

_FIELDS: Final = (
    # food and drink
    """
    food foods eat eating ate meal meals dish dishes cuisine cuisines cook cooking cooked recipe recipes bake baking
    restaurant restaurants dine dining diner cafe bistro menu chef kitchen snack snacks breakfast lunch dinner brunch
    supper dessert desserts taste tasty flavor flavors flavour flavours spicy sweet salty sour bitter sauce soup salad
    ingredient ingredients diet dietary vegan vegetarian kosher halal gluten dairy lactose milk cheese egg eggs butter
    meat beef pork chicken lamb steak fish seafood shellfish shrimp sushi rice noodle noodles pasta pizza bread fruit
    fruits vegetable vegetables nut nuts peanut peanuts sugar salt honey chocolate cake drink drinks drinking beverage
    beverages coffee tea juice wine beer alcohol cocktail cocktails bar hungry grocery groceries nutrition nutritious
    protein calorie calories smoothie buffet street delicacy delicacies
    吃 喝 菜 饭 餐 食 味 辣 甜 咸 酸 茶 酒 咖啡 肉 鱼 素食 餐厅 饮食 做饭 早餐 午餐 晚餐 零食 水果 蔬菜 海鲜 牛奶 火锅
    """,
    # travel and getting about
    """
    travel travels traveling travelling traveler trip trips journey vacation vacations holiday holidays tour tours
    touring tourist tourists tourism touristy visit visiting visitor destination destinations itinerary sightseeing
    sights landmark landmarks attraction attractions explore exploring adventure adventures abroad overseas country
    countries city cities town island islands beach beaches sea ocean coast mountain mountains lake desert park parks
    trail trails camping camp hike hiking cruise cruises safari museum museums monument monuments gallery galleries
    crowd crowds crowded outdoor outdoors outing excursion excursions activity activities experience experiences
    旅行 旅游 出差 景点 度假 行程 海边 爬山 出国 城市 路线 自驾 博物馆 露营
    """,
    # a place to stay
    """
    hotel hotels motel hostel hostels resort resorts lodging accommodation accommodations airbnb room rooms suite stay
    staying stays overnight bed beds reservation booking check-in lobby amenities pool
    酒店 宾馆 民宿 住宿 房间 入住
    """,
    # transport and vehicles
    """
    transport transportation transit commute commuting car cars vehicle vehicles suv sedan truck van minivan minivans
    drive drives driving driver driven ride rides riding engine engines electric hybrid diesel gas gasoline fuel
    mileage automatic manual transmission motorcycle motorbike bike bikes bicycle scooter train trains bus buses subway
    metro tram taxi cab uber flight flights fly flying plane planes airplane airline airlines airport seat seats boat
    ferry ship road roads highway parking traffic route routes wheel tires
    车 汽车 开车 驾驶 地铁 公交 火车 高铁 飞机 航班 出行 通勤 交通 自行车 打车 坐车
    """,
    # learning
    """
    learn learning learner learned study studies studying student students school college university class classes
    classroom course courses lesson lessons lecture lectures teach teacher teaching tutor tutoring tutorial tutorials
    instruction instructor textbook textbooks educational education exam exams test tests homework assignment
    curriculum degree academic knowledge skill skills subject subjects math maths calculus algebra science physics
    chemistry biology history grammar vocabulary language languages memorize memorization understand master mastering
    principles concept concepts training workshop workshops seminar research practice resource resources
    学 学习 学生 学校 课 课程 老师 考试 复习 作业 教材 语言 英语 培训 教程 背单词
    """,
    # work
    """
    work works working job jobs career careers profession professional office workplace remote remotely company
    companies corporate business employer employers employee employees boss manager managers management team teams
    teamwork colleague colleagues coworker coworkers meeting meetings project projects deadline deadlines task tasks
    salary interview interviews hire hiring position promotion freelance startup industry client clients schedule
    schedules collaborate collaboration relocate relocation internship networking
    工作 上班 公司 职业 同事 老板 会议 开会 项目 加班 办公 面试 团队 客户
    """,
    # moving pictures and the stage
    """
    movie movies film films cinema watch watching show shows series tv television episode episodes season seasons
    documentary documentaries drama dramas comedy comedies horror thriller thrillers romance romantic animated animation
    anime cartoon cartoons superhero actor actors actress director netflix streaming stream theater theatre musical
    musicals play plays stage performance performances concert sitcom sitcoms binge blockbuster plot
    电影 电视 剧 节目 动漫 纪录片 综艺 演员 影院 看片 话剧
    """,
    # games
    """
    game games gaming gamer gamers play playing player players multiplayer videogame console playstation xbox nintendo
    rpg rpgs fps shooter puzzle puzzles strategy tabletop board card cards chess quest esports convention conventions
    graphics gameplay level levels mobile
    游戏 玩 手游 电竞 桌游 棋
    """,
    # music
    """
    music musical song songs album albums band bands artist artists singer singers sing singing listen listening genre
    genres rock pop jazz classical hip-hop rap country metal electronic folk playlist playlists concert concerts
    festival festivals instrument instruments guitar piano violin drums melody lyrics podcast podcasts audio sound
    音乐 歌 歌手 乐队 听歌 演唱会 钢琴 吉他 播客
    """,
    # reading
    """
    book books read reading reader novel novels fiction nonfiction story stories author authors writer writers
    literature poetry poem poems genre genres magazine magazines article articles audiobook audiobooks ebook ebooks
    biography memoir fantasy mystery bookstore library chapter paperback
    书 阅读 小说 读书 文学 作者 诗 看书 杂志
    """,
    # body and exercise
    """
    exercise exercises exercising workout workouts fitness gym gyms fit training train run running jog jogging swim
    swimming yoga pilates cardio strength weights weightlifting lifting muscle muscles stretch stretching sport sports
    athletic athlete cycling dance dancing aerobic marathon soccer football basketball tennis golf baseball hockey
    volleyball skiing snowboarding climbing physical active routine routines trainer hiit endurance team league match
    运动 健身 跑步 游泳 瑜伽 锻炼 球 篮球 足球 减肥 训练
    """,
    # health and mind
    """
    health healthy healthcare doctor doctors hospital clinic medical medicine medicines medication medications drug
    drugs treatment treatments therapy therapies therapist remedy remedies pain ache headache headaches illness disease
    condition symptom symptoms allergy allergies allergic asthma anxiety stress stressed depression mental wellness
    wellbeing meditation meditate mindfulness relax relaxation sleep sleeping insomnia immune vitamin vitamins
    supplement supplements herbal holistic acupuncture massage vaccine vaccines vaccination surgery diet injury weight
    健康 医生 医院 药 治疗 过敏 失眠 睡眠 压力 焦虑 体检 维生素 中医 病
    """,
    # looks and care
    """
    beauty makeup cosmetic cosmetics skincare skin face facial cleanser moisturizer serum serums sunscreen lotion cream
    creams lipstick lip lips eyeshadow eyeliner mascara foundation concealer primer blush palette hair haircare shampoo
    conditioner hairstyle haircut dye nail nails manicure perfume perfumes fragrance fragrances scent scents cologne
    deodorant soap spa grooming beard shave shaving razor anti-aging wrinkles acne complexion brush brushes
    护肤 化妆 美妆 口红 香水 头发 洗发 面膜 防晒 皮肤 发型 香味
    """,
    # clothes
    """
    clothes clothing wear wearing wears worn fashion fashionable outfit outfits dress dresses shirt shirts t-shirt
    t-shirts blouse tops top pants jeans trousers shorts skirt skirts suit suits jacket jackets coat coats sweater
    sweaters hoodie outerwear underwear sock socks shoe shoes sneakers boots heels sandals footwear hat hats scarf belt
    bag bags handbag handbags purse accessory accessories jewelry jewellery necklace ring earrings watch wardrobe
    fabric fabrics cotton wool leather silk linen denim fur polyester style styles stylish trend trends trendy color
    colors pattern patterns garment garments apparel size layers
    衣服 穿 鞋 裤 裙 外套 时尚 颜色 穿搭 包 首饰 衬衫 风格
    """,
    # buying
    """
    buy buying bought purchase purchases purchasing shop shops shopping store stores mall brand brands price prices
    priced pricing cheap expensive afford affordable budget budgets cost costs discount discounts deal deals sale sales
    bargain secondhand vintage thrift online delivery order ordering luxury quality designer
    买 购物 商店 价格 便宜 贵 打折 品牌 预算 网购 牌子 二手
    """,
    # home
    """
    home homes house houses apartment apartments flat condo room rooms bedroom bathroom kitchen living furniture sofa
    couch chair chairs table tables desk lamp lighting decor decorate decorating decoration interior design curtain
    curtains rug rugs carpet wall walls paint appliance appliances clean cleaning laundry dishwasher vacuum garden
    gardening yard plants plant rent renting mortgage neighborhood neighbors move moving renovate renovation minimalist
    家 房 卧室 厨房 装修 家具 沙发 家电 打扫 清洁 花园 租 灯
    """,
    # animals
    """
    pet pets dog dogs puppy puppies cat cats kitten kittens bird birds parrot fish aquarium hamster hamsters rabbit
    rabbits reptile reptiles snake snakes lizard lizards turtle animal animals breed breeds breeder breeders adopt
    adopting adoption shelter shelters rescue rescued vet veterinarian fur furry companion crate leash paw kennel
    horse horses zoo wildlife cage caged toy toys
    宠物 狗 猫 鸟 养 动物 兽医 兔
    """,
    # machines and programs
    """
    technology tech computer computers laptop laptops desktop tablet tablets phone phones smartphone smartphones iphone
    android windows mac linux app apps application applications software hardware device devices gadget gadgets wearable
    smartwatch tracker trackers track camera cameras headphones earbuds speaker speakers monitor screen keyboard battery
    wireless bluetooth wifi internet website websites online social media account accounts privacy data digital
    code coding programming program developer programmer python javascript server cloud
    手机 电脑 软件 应用 编程 代码 程序 设备 网络 相机 耳机 平板
    """,
    # money
    """
    money finance finances financial invest investing investment investments investor stock stocks bond bonds fund funds
    save saving savings bank banks banking loan loans debt credit card cards tax taxes insurance retirement pension
    crypto bitcoin portfolio risk risky income budget wealth spending
    钱 投资 理财 股票 基金 银行 贷款 保险 存款 税
    """,
    # how to be answered
    """
    answer answers reply replies respond response responses explain explanation explanations summary summarize
    summaries brief briefly concise short long detail details detailed bullet bullets tone formal informal language
    translate translation english chinese french spanish german write writing email emails letter format table
    回答 回复 解释 简短 简洁 详细 总结 语气 中文 英文 翻译 写 格式
    """,
    # people and occasions
    """
    family families parent parents mother father mom dad wife husband partner spouse child children kid kids son
    daughter baby brother sister friend friends friendship girlfriend boyfriend date dating wedding marriage party
    parties birthday celebrate celebration gift gifts present christmas guest guests social event events gathering
    gatherings host hosting conversation
    家人 父母 妈妈 爸爸 孩子 朋友 女朋友 男朋友 老婆 老公 生日 聚会 礼物 婚礼 约会
    """,
)


@cache
def _fields_by_word() -> Mapping[str, frozenset[int]]:
    table: dict[str, set[int]] = {}
    for number, words in enumerate(_FIELDS):
        for word in words.split():
            for token in _as_indexed(word):
                table.setdefault(token, set()).add(number)
    return {word: frozenset(numbers) for word, numbers in table.items()}


def _as_indexed(word: str) -> list[str]:
    """A Chinese word of several characters counts by its pairs alone: one character of it says too little."""
    found = tokens(word)
    return [token for token in found if len(token) > 1] if is_east_asian(word) and len(word) > 1 else found


def fields_of(words: Iterable[str]) -> dict[int, float]:
    """The fields that search words belong to, weighed; a word of several fields counts for each of them in part."""
    bag: dict[int, float] = defaultdict(float)
    table = _fields_by_word()
    for word in words:
        fields = table.get(word, ())
        for field in fields:
            bag[field] += 1 / len(fields)
    return dict(bag)
