"""Print the tables of src/jsonschema/hostname_codes.c from Python's Unicode data.

What RFC 5892 disallows is derived by its own rules.  Code points that nobody
has assigned are put wherever ranges become longer, and so are, among the
marks, those that are disallowed anyway.
"""

import unicodedata

PVALID = {0xDF, 0x3C2, 0x6FD, 0x6FE, 0xF0B, 0x3007}
CONTEXT = {0xB7, 0x375, 0x5F3, 0x5F4, 0x30FB, 0x200C, 0x200D, *range(0x660, 0x66A), *range(0x6F0, 0x6FA)}
DISALLOWED = {0x640, 0x7FA, 0x302E, 0x302F, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303B}
IGNORABLE = {0xAD, 0x34F, 0x61C, *range(0x115F, 0x1161), *range(0x17B4, 0x17B6), *range(0x180B, 0x1810),
             *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0x3164,
             *range(0xFE00, 0xFE10), 0xFEFF, 0xFFA0, *range(0xFFF0, 0xFFF9)}
MUSICAL = {*range(0x20D0, 0x2100)}
JAMO = {*range(0x1100, 0x1200), *range(0xA960, 0xA980), *range(0xD7B0, 0xD800)}
LETTERS = {"Ll", "Lu", "Lo", "Nd", "Lm", "Mn", "Mc"}


def allowed(code):
    """True, False, or None when it is not assigned."""
    if code in PVALID | CONTEXT:
        return True
    if code in DISALLOWED:
        return False
    char = chr(code)
    if unicodedata.category(char) == "Cn" and code & 0xFFFE != 0xFFFE and not 0xFDD0 <= code <= 0xFDEF:
        return None
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", char).casefold())
    return folded == char and code not in IGNORABLE | MUSICAL | JAMO and unicodedata.category(char) in LETTERS


def ranges(wanted):
    """Pairs of first and last; and those where only every second one is wanted."""
    points = [c for c in range(0x80, 0x10000) if wanted(c) is not None]
    plain, second = [], []
    i = 0
    while i < len(points):
        if not wanted(points[i]):
            i += 1
            continue
        end = i
        while end + 1 < len(points) and wanted(points[end + 1]):
            end += 1
        first = last = points[i]
        while wanted(last + 2) is not False and not wanted(last + 1) and last + 2 < 0x10000:
            last += 2
        while last > first and not wanted(last):
            last -= 2
        if last > points[end] and last - first >= 4:
            second.append((first, last))
            while i < len(points) and points[i] <= last:
                i += 1
        else:
            plain.append((first, points[end]))
            i = end + 1
    return plain, second


def show(name, pairs):
    line = "\t"
    print(f"static const uint16 {name}[] = {{")
    for pair in pairs:
        text = "0x%X,0x%X," % pair
        if len(line) + len(text) > 96:
            print(line.rstrip())
            line = "\t"
        line += text + " "
    print(line.rstrip().rstrip(",") + "\n};\n")


def main():
    table = {c: allowed(c) for c in range(0x80, 0x10002)}
    plain, second = ranges(lambda c: None if table[c] is None else not table[c])
    show("disallowed", plain)
    show("disallowed_seconds", second)
    show("marks", ranges(lambda c: unicodedata.category(chr(c))[0] == "M" if table[c] else None)[0])
    marks = {c: unicodedata.combining(chr(c)) == 9 for c in table if table[c] and unicodedata.category(chr(c))[0] == "M"}
    show("viramas", ranges(marks.get)[0])


main()
