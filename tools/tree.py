# SPDX-License-Identifier: Apache-2.0
"""What the check-* tools share: walking the tree and saying what is wrong and where."""
import argparse
import os
import sys

SKIPPED = {".git", "var", "__pycache__", "scratch", "node_modules"}


class Tree:
    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.problems = 0

    def files(self, *endings, under=""):
        """Paths relative to the root, sorted, of files with one of the endings."""
        found = []
        for folder, folders, names in os.walk(os.path.join(self.root, under)):
            folders[:] = [f for f in folders if f not in SKIPPED and not f.startswith("build")]
            for name in names:
                if not endings or name.endswith(endings):
                    path = os.path.relpath(os.path.join(folder, name), self.root)
                    if not os.path.islink(os.path.join(self.root, path)):
                        found.append(path)
        return sorted(found)

    def exists(self, path):
        return os.path.exists(os.path.join(self.root, path))

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def lines(self, path):
        """(line number from 1, text) of each line."""
        return list(enumerate(self.read(path).splitlines(), 1))

    def wrong(self, path, line, sentence):
        self.problems += 1
        where = f"{path}:{line}" if line else path
        print(f"{where}: {sentence}")

    def note(self, path, line, sentence):
        where = f"{path}:{line}" if line else path
        print(f"{where}: note: {sentence}")


def run(check, text, *switches):
    """Calls check(tree, arguments); exits 1 when it found something."""
    parser = argparse.ArgumentParser(description=text)
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--root", default=here, help="the tree to look at (this one)")
    for switch, explained in switches:
        parser.add_argument(switch, action="store_true", help=explained)
    arguments = parser.parse_args()
    tree = Tree(arguments.root)
    check(tree, arguments)
    sys.exit(1 if tree.problems else 0)
