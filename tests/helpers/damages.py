"""Ways in which bytes of a file or a request are damaged."""


def flip(data, rng):
    place = rng.randrange(len(data))
    return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]


def delete(data, rng):
    place = rng.randrange(len(data))
    return data[:place] + data[place + rng.randint(1, 30) :]


def insert(data, rng):
    place = rng.randrange(len(data))
    extra = rng.choice(
        [b"\x00", b'"', b",", b";", b"\n", b"\r", b"\r\n", b"x" * 5000, b"#", b"9", b".", b"-", b"\xff\xfe"]
    )
    return data[:place] + extra + data[place:]


def cut(data, rng):
    return data[: rng.randrange(len(data))]


def repeat_lines(data, rng):
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    return b"\n".join(lines[: place + rng.randint(1, 20)] + lines[place:])


def swap_fields(data, rng):
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    mark = next((mark for mark in (b",", b";", b"\t") if mark in lines[place]), b",")
    lines[place] = mark.join(reversed(lines[place].split(mark)))
    return b"\n".join(lines)


def other_line_ends(data, rng):
    lines = data.split(b"\n")
    return b"".join(line + rng.choice([b"\n", b"\r\n", b"\r"]) for line in lines)


def other_encoding(data, rng):
    place = rng.randrange(len(data))
    return data[:place] + data[place:].decode("utf8", "replace").encode(
        rng.choice(["utf-16", "utf-32", "utf-7"])
    )


DAMAGES = (flip, delete, insert, cut, repeat_lines, swap_fields, other_line_ends, other_encoding)
