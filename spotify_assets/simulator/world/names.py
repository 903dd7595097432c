"""Invented names: artists, titles, labels, genres.

The combinations are meant to be pleasant and plainly fictitious; an artist's name is unique within a
catalogue.
"""

from __future__ import annotations

from math import gcd

from spotify_assets.simulator.world.chance import mix


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ADJECTIVES = _words(
    """
    Amber Backwards Borrowed Buttered Cardboard Clockwork Corduroy Crooked Dappled Drowsy Electric Feathered
    Folded Forgetful Gingham Half-Lit Hollow Homemade Inflatable Invisible Knitted Laminated Lopsided
    Lukewarm Magnetic Marbled Mechanical Misplaced Moonlit Moss Nocturnal Oblong Origami Papier Patchwork
    Pickled Plaid Polite Porcelain Postponed Quilted Reluctant Rhubarb Rusty Saltwater Secondhand Silent
    Sleepy Spiral Starched Sunday Tangled Tepid Tidal Tin Topiary Unfinished Upholstered Varnished Velour
    Wandering Whispering Wicker Wobbly
    """
)
_NOUNS = _words(
    """
    Abacus Accordion Almanac Aquarium Armchair Atlas Barometer Biscuit Cactus Carousel Cartographer Compass
    Cupboard Dandelion Dirigible Doormat Drawbridge Escalator Funicular Gazebo Gondola Greenhouse Hammock
    Harbour Hedgehog Inkwell Juniper Kettle Ladle Lampshade Lighthouse Marmalade Mezzanine Mitten Monocle
    Narwhal Noodle Observatory Otter Pamphlet Parasol Pelican Periscope Pinwheel Porcupine Postcard Quarry
    Rowboat Saxifrage Semaphore Sundial Teacup Thimble Toboggan Turnstile Umbrella Vestibule Walrus
    Weathervane Wheelbarrow Windmill Xylophone Yurt Zeppelin
    """
)
_PLURALS = _words(
    """
    Acrobats Archivists Astronomers Beekeepers Bicycles Botanists Bunglers Cartwheels Chandeliers
    Cloudspotters Curators Daydreamers Dominoes Echoes Ferrymen Fireflies Gardeners Geologists Haystacks
    Icebergs Jugglers Kites Lanterns Librarians Lullabies Marionettes Meteorologists Milkmen Nightcaps
    Oarsmen Orchards Parachutes Pigeons Plumbers Puddles Quartets Raincoats Sailmakers Sandwiches Scarecrows
    Shipwrights Snowploughs Stowaways Tailors Telegrams Trapdoors Tugboats Turnips Understudies
    Ventriloquists Wallpapers Zookeepers
    """
)
_GIVEN = _words(
    """
    Aurelka Bastiano Brimsel Calvenna Corvano Dalimar Delphira Elowisp Esbjarne Fennick Floriande Gavriette
    Hazelin Ilvane Isoldine Jorvika Kasimere Kestrine Liorasa Lumira Maevira Marquill Neveah-Lune Nimuel
    Odalys-Fay Orsolo Pellerin Perrigo Quenbert Quillan Rosalba-Wren Rufaro-Lin Sabelline Solvejne Taviosh
    Thessaly-Mae Ulvina Umberlin Valtteriko Vesperine Wilhelmette Winslowe Xanthoria Yarrowin Ysoldette
    Zephyrin Zorvane Åsmira Éloïsande Søljan
    """
)
_FAMILY = _words(
    """
    Ambersworth Applethwaite Bramblefax Brightwhistle Cinderquist Copperdale Dandelune Drizzlewick Elderplum
    Everquill Fairweatherly Foxglovely Gloamsby Goosefeather Hallowmint Hazelthorpe Inkberry Ivoryfield
    Jasperling Juniperø Kettlebrook Larkenshaw Lindenquay Marrowby Mistlethorn Moonacre Nettleford
    Nightingrove Oakenshyre Oxbowe Peppercorne Plumefield Quillfeather Quincewater Ravelstone Rooksmere
    Saltmarshe Silverfinch Tanglewoode Thistledowne Umberfield Underhillock Velvetine Vinterberg-Ash
    Wetherlamb Willowby Wrenfield Yarborne Zellerquist Zinniová
    """
)
_TITLE_FIRST = _words(
    """
    Almost Another August Backseat Blue Borrowed Broken Cheap Cold Counting Dear Distant Early Easy Empty
    Every Falling Far Fluorescent Forty Gentle Golden Good Half Hello Hotel Last Late Little Long Lost
    Midnight Monday Neon Never New Nobody's Northern Ordinary Other Paper Plastic Quiet Rainy Red Running
    Second Seven Slow Small Some Stolen Summer Sweet Tired Tomorrow's Unsent Waiting Warm Western Wild
    Winter Yellow Yesterday's
    """
)
_TITLE_SECOND = _words(
    """
    Alphabet Answers Avenue Balcony Bones Bridges Buttons Calendar Cameras Cathedral Coast Colours Corners
    Curtains Distance Elevator Engines Ferry Fever Fiction Garden Ghosts Glass Gravity Habits Harvest Heart
    Heatwave Honey Horizon Kitchen Ladder Letters Light Magnets Maps Mirrors Morning Museum Neighbours Ocean
    Orbit Passenger Photograph Pilot Planets Promise Radio Rain Ribbon River Satellite Shadows Shoes Signals
    Smoke Stairs Static Strangers Sugar Telephone Thunder Ticket Tides Traffic Voices Water Weather Window
    """
)
LABELS = (
    "Paper Comet Records",
    "Second Kettle",
    "Lopsided Moon",
    "Half Acre Tapes",
    "Orchard & Wire",
    "Tin Whistle Union",
    "Night Ferry Recordings",
    "Ninth Button",
    "Salt Lamp Music",
    "Greenhouse Effect Ltd",
    "Wicker Chair",
    "Unfinished Attic",
)
GENRES = (
    "alternative rock",
    "ambient",
    "art pop",
    "bedroom pop",
    "chamber pop",
    "dance pop",
    "deep house",
    "dream pop",
    "drum and bass",
    "electropop",
    "folk",
    "garage rock",
    "hip hop",
    "hyperpop",
    "indie folk",
    "indie pop",
    "indie rock",
    "jazz",
    "latin pop",
    "lo-fi beats",
    "metal",
    "neo soul",
    "post-punk",
    "r&b",
    "reggaeton",
    "shoegaze",
    "singer-songwriter",
    "synthpop",
    "techno",
    "trap",
)


def _shuffled(position: int, size: int, seed: int) -> int:
    """Return where `position` goes in a seeded permutation of `size` places."""
    step = mix(seed, size) % size | 1
    while gcd(step, size) != 1:
        step += 2
    return (position * step + mix(seed, size, 1)) % size


def artist_name(seed: int, index: int) -> str:
    """Return the name of artist `index`; no two indexes of one seed share a name.

    The four patterns use words of their own, so names of different patterns cannot meet; beyond
    the combinations of a pattern a numeral is added.
    """
    turn, pattern = divmod(index, 4)
    first, second = (
        (_ADJECTIVES, _NOUNS),
        (_GIVEN, _FAMILY),
        (_ADJECTIVES, _PLURALS),
        (_NOUNS, _NOUNS),
    )[pattern]
    size = len(first) * len(second)
    again, position = divmod(turn, size)
    left, right = divmod(_shuffled(position, size, mix(seed, pattern)), len(second))
    one, two = first[left], second[right]
    name = (f"{one} {two}", f"{one} {two}", f"The {one} {two}", f"{one} & {two}")[pattern]
    return f"{name} {again + 1}" if again else name


def title(*keys: int) -> str:
    """Return a song or album title for these keys; titles repeat, as real ones do."""
    value = mix(*keys)
    one = _TITLE_FIRST[value % len(_TITLE_FIRST)]
    two = _TITLE_SECOND[(value >> 16) % len(_TITLE_SECOND)]
    style = (value >> 40) % 10
    if style == 0:
        return one
    if style == 1:
        return two
    return f"{one} {two}"


def genres(*keys: int) -> list[str]:
    """Return up to three genres for these keys; about one artist in eight has none."""
    value = mix(*keys)
    count = (0, 1, 1, 2, 2, 2, 3, 3)[value % 8]
    start = (value >> 8) % len(GENRES)
    return [GENRES[(start + step * (1 + (value >> 20) % 7)) % len(GENRES)] for step in range(count)]
