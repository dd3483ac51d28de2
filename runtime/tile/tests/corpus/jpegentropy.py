"""Huffman coding of JPEG scans, sequential and progressive (ITU-T T.81, annexes F and G)."""

import numpy as np

RAW = None


def scan_tokens(components, indices, band, restart):
    """Symbols and bits of one scan: (table, symbol, value, bits), or an integer for a restart marker."""
    start, end, high, low, progressive = band
    chosen = [components[i] for i in indices]
    state = Scan(start, end, high, low, progressive)
    previous = [0] * len(chosen)
    for count, units in enumerate(mcus(chosen)):
        if restart and count and count % restart == 0:
            state.flush()
            state.tokens.append((count // restart - 1) % 8)
            previous = [0] * len(chosen)
        for which, block in units:
            component = chosen[which]
            state.tables = (0, component.huffman), (1, component.huffman)
            if not progressive:
                previous[which] = state.dc_first(block, previous[which])
                state.ac_sequential(block)
            elif start == 0:
                previous[which] = state.dc_refine(block) if high else state.dc_first(block, previous[which])
            elif high:
                state.ac_refine(block)
            else:
                state.ac_first(block)
    state.flush()
    return state.tokens


def mcus(chosen):
    """For each MCU the list of (component, coefficients)."""
    if len(chosen) == 1:
        c = chosen[0]
        rows, columns = -(-c.height // 8), -(-c.width // 8)
        for row in range(rows):
            for column in range(columns):
                yield [(0, c.blocks[row, column].tolist())]
        return
    first = chosen[0]
    rows, columns = first.blocks.shape[0] // first.v, first.blocks.shape[1] // first.h
    for row in range(rows):
        for column in range(columns):
            yield [(i, c.blocks[row * c.v + y, column * c.h + x].tolist())
                   for i, c in enumerate(chosen) for y in range(c.v) for x in range(c.h)]


class Scan:
    """State of the encoder within one scan."""

    def __init__(self, start, end, high, low, progressive):
        self.start, self.end, self.low, self.progressive = start, end, low, progressive
        self.tokens, self.run, self.pending, self.tables = [], 0, [], None

    def value(self, table, prefix, value):
        bits = abs(value).bit_length()
        self.tokens.append((table, prefix << 4 | bits, value if value >= 0 else value + (1 << bits) - 1, bits))

    def raw(self, bits):
        self.tokens.extend((RAW, 0, bit, 1) for bit in bits)

    def flush(self):
        """Ends a run of empty blocks."""
        if self.run:
            bits = self.run.bit_length() - 1
            self.tokens.append((self.tables[1], bits << 4, self.run - (1 << bits), bits))
            self.run = 0
        self.raw(self.pending)
        self.pending = []

    def dc_first(self, block, previous):
        value = block[0] >> self.low
        self.value(self.tables[0], 0, value - previous)
        return value

    def dc_refine(self, block):
        self.raw([block[0] >> self.low & 1])
        return 0

    def ac_sequential(self, block):
        zeros = 0
        for value in block[1:]:
            if value == 0:
                zeros += 1
                continue
            while zeros > 15:
                self.tokens.append((self.tables[1], 0xF0, 0, 0))
                zeros -= 16
            self.value(self.tables[1], zeros, value)
            zeros = 0
        if zeros:
            self.tokens.append((self.tables[1], 0, 0, 0))

    def ac_first(self, block):
        zeros = 0
        for k in range(self.start, self.end + 1):
            value = abs(block[k]) >> self.low
            if value == 0:
                zeros += 1
                continue
            self.flush()
            while zeros > 15:
                self.tokens.append((self.tables[1], 0xF0, 0, 0))
                zeros -= 16
            self.value(self.tables[1], zeros, value if block[k] > 0 else -value)
            zeros = 0
        if zeros:
            self.run += 1
            if self.run == 0x7FFF:
                self.flush()

    def ac_refine(self, block):
        values = [abs(v) >> self.low for v in block]
        last = max((k for k in range(self.start, self.end + 1) if values[k] == 1), default=0)
        zeros, corrections = 0, []
        for k in range(self.start, self.end + 1):
            if values[k] == 0:
                zeros += 1
                continue
            while zeros > 15 and k <= last:
                self.flush()
                self.tokens.append((self.tables[1], 0xF0, 0, 0))
                zeros -= 16
                self.raw(corrections)
                corrections = []
            if values[k] > 1:
                corrections.append(values[k] & 1)
                continue
            self.flush()
            self.tokens.append((self.tables[1], zeros << 4 | 1, 0 if block[k] < 0 else 1, 1))
            self.raw(corrections)
            zeros, corrections = 0, []
        if zeros or corrections:
            self.run += 1
            self.pending += corrections
            if self.run == 0x7FFF or len(self.pending) > 900:
                self.flush()


def optimal_table(frequencies):
    """Counts for each length and symbols (ITU-T T.81, K.2). The code of all ones stays free."""
    weight = np.zeros(257, dtype=np.int64)
    for symbol, count in frequencies.items():
        weight[symbol] = count
    weight[256] = 1
    groups = [(int(w), s, [s]) for s, w in enumerate(weight) if w]
    length = dict.fromkeys((g[1] for g in groups), 0)
    while len(groups) > 1:
        groups.sort(key=lambda g: (g[0], -g[1]))
        (wa, sa, a), (wb, sb, b) = groups[:2]
        for symbol in a + b:
            length[symbol] += 1
        groups[:2] = [(wa + wb, max(sa, sb), a + b)]
    counts = [0] * 64
    for bits in length.values():
        counts[max(bits, 1)] += 1
    for bits in range(63, 16, -1):
        while counts[bits]:
            shorter = bits - 2
            while not counts[shorter]:
                shorter -= 1
            counts[bits] -= 2
            counts[bits - 1] += 1
            counts[shorter + 1] += 2
            counts[shorter] -= 1
    longest = max(i for i in range(17) if counts[i])
    counts[longest] -= 1
    symbols = sorted((s for s in length if s != 256), key=lambda s: (length[s], s))
    return counts[1:17], symbols


def codes(table):
    """Bit strings of the symbols of a table."""
    counts, symbols = table
    out, code, at = {}, 0, 0
    for bits, count in enumerate(counts, 1):
        for symbol in symbols[at:at + count]:
            out[symbol] = format(code, f"0{bits}b")
            code += 1
        at += count
        code <<= 1
    return out


def tables_for(tokens):
    """Optimal tables of a scan, by (class, number)."""
    seen = {}
    for token in tokens:
        if not isinstance(token, int) and token[0] is not RAW:
            counts = seen.setdefault(token[0], {})
            counts[token[1]] = counts.get(token[1], 0) + 1
    return {key: optimal_table(counts) for key, counts in seen.items()}


def pack(tokens, tables):
    """Entropy-coded bytes with stuffing and restart markers."""
    lookup = {key: codes(table) for key, table in tables.items()}
    out, bits = bytearray(), []

    def close():
        text = "".join(bits)
        text += "1" * (-len(text) % 8)
        if text:
            out.extend(int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0"))
        bits.clear()

    for token in tokens:
        if isinstance(token, int):
            close()
            out.extend(bytes([0xFF, 0xD0 + token]))
            continue
        table, symbol, value, count = token
        if table is not RAW:
            bits.append(lookup[table][symbol])
        if count:
            bits.append(format(value, f"0{count}b"))
    close()
    return bytes(out)
