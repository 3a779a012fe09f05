#!/usr/bin/python3
"""Writes search_fold_table.h: what each letter of the Latin, Greek and Cyrillic blocks is without
case and accents, after Unicode's own data. Run it again only for a newer Unicode."""
import unicodedata

SPECIAL = {'ß': 'ss', 'æ': 'ae', 'œ': 'oe', 'ø': 'o', 'đ': 'd', 'ð': 'd', 'þ': 'th', 'ł': 'l',
           'ħ': 'h', 'ı': 'i', 'ĳ': 'ij', 'ŀ': 'l', 'ŉ': 'n', 'ŋ': 'n', 'ŧ': 't', 'ſ': 's', 'ς': 'σ',
           'ĸ': 'k', 'ƒ': 'f', 'ẞ': 'ss', 'ŭ': 'u'}
RANGES = [(0x00C0, 0x0250), (0x0370, 0x0530), (0x1E00, 0x2000)]


def fold(code):
    text = unicodedata.normalize('NFKD', chr(code)).lower()
    out = []
    for c in text:
        if unicodedata.combining(c):
            continue
        out.append(SPECIAL.get(c, c))
    folded = ''.join(out)
    folded = ''.join(c for c in folded if unicodedata.category(c)[0] in 'LN')
    return folded[:2]


print('/* Made by fold_table.py: do not edit. Two letters at most; 0: a separator. */')
print('// clang-format off')
print("struct fold_range {")
print('    uint32_t first, end;')
print('    const uint16_t (*letters)[2];')
print("};\n")
names = []
for first, end in RANGES:
    name = f'fold_{first:04x}'
    names.append((name, first, end))
    print(f'static const uint16_t {name}[{end - first}][2] = {{')
    cells = []
    for code in range(first, end):
        folded = fold(code)
        a = ord(folded[0]) if folded else 0
        b = ord(folded[1]) if len(folded) > 1 else 0
        cells.append(f'{{{a}, {b}}}')
    line = '   '
    for cell in cells:
        if len(line) + len(cell) + 2 > 99:
            print(line)
            line = '   '
        line += ' ' + cell + ','
    print(line)
    print('};\n')
print('static const struct fold_range fold_ranges[] = {')
for name, first, end in names:
    print(f'    {{0x{first:04x}, 0x{end:04x}, {name}}},')
print('};')
