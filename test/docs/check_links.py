"""check_links.py SITE: every link of a folder of pages leads to a file of it, and to an anchor that is there.

Prints dead links, and fails if there are any. Links to other sites are not followed.
"""

import html.parser
import json
import pathlib
import sys
import urllib.parse


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.anchors, self.twice = [], set(), []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in ("href", "src", "data-index"):
                self.links.append(value)
            elif name == "id":
                (self.twice.append if value in self.anchors else self.anchors.add)(value)


def links_of_search(site):
    """What the search offers; there may be none."""
    index = site / "search-index.js"
    if not index.exists():
        return []
    return [url for _, _, url in json.loads(index.read_text().removeprefix("searchIndex(").removesuffix(");\n"))]


def check(site):
    """The number of links, and what is wrong."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    count, wrong = 0, []
    links = [(path, page.links) for path, page in pages.items()] + [(site / "search-index.js", links_of_search(site))]
    for path, page in pages.items():
        wrong += [f"{path.relative_to(site)}: the id {each} is there twice" for each in page.twice]
    for path, found in links:
        for link in found:
            parts = urllib.parse.urlsplit(link)
            if parts.scheme:
                if parts.scheme not in ("http", "https", "mailto", "data"):
                    wrong.append(f"{path.relative_to(site)}: {link} has an odd scheme")
                continue
            count += 1
            target = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or not target.is_relative_to(site):
                wrong.append(f"{path.relative_to(site)}: {link} leads to no file")
            elif parts.fragment and urllib.parse.unquote(parts.fragment) not in getattr(pages.get(target), "anchors", ()):
                wrong.append(f"{path.relative_to(site)}: {link} leads to no anchor")
    return count, wrong


if __name__ == "__main__":
    count, wrong = check(pathlib.Path(sys.argv[1]).resolve())
    print("\n".join(wrong) or f"{count} links")
    sys.exit(bool(wrong) or count == 0)
