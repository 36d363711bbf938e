// A page around its content.

import { escape, relative } from './html.mjs';

function menuSection(url, { title, links }) {
    const items = links.map(({ title: text, url: to }) => {
        const current = to === url ? ' aria-current="page"' : '';
        return `<li><a href="${relative(url, to)}"${current}>${escape(text)}</a></li>`;
    });
    return `<h2>${escape(title)}</h2>\n<ul>\n${items.join('\n')}\n</ul>`;
}

/// Headings of the second and third level as nested lists.
function contentsOf(headings) {
    const chapters = [];
    for (const heading of headings) {
        if (heading.level === 2) {
            chapters.push({ ...heading, parts: [] });
        } else if (heading.level === 3 && chapters.length) {
            chapters.at(-1).parts.push(heading);
        }
    }
    // Long names break where they have parts.
    const label = (text) => escape(text).replace(/_|::/g, '$&<wbr>');
    const item = ({ id, text }, inner) => `<li><a href="#${escape(id)}">${label(text)}</a>${inner}</li>`;
    const list = (items) => (items.length ? `\n<ul>\n${items.join('\n')}\n</ul>\n` : '');
    return list(chapters.map((chapter) => item(chapter, list(chapter.parts.map((part) => item(part, ''))))));
}

/// page: { url, title, html, headings }; site: { name, version, start, menu }.
export function layOut(page, site) {
    const to = (url) => relative(page.url, url);
    const title = page.url === site.start ? `${site.name}: ${site.description}` : `${page.title} · ${site.name}`;
    const contents = contentsOf(page.headings);
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escape(title)}</title>
<link rel="stylesheet" href="${to('style.css')}">
<link rel="icon" href="data:,">
<script defer src="${to('site.js')}" data-index="${to('search-index.js')}"></script>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header>
<a class="home" href="${to(site.start)}">${escape(site.name)} <span>${escape(site.version)}</span></a>
<a class="menu-link" href="#menu">Menu</a>
<div class="search" role="search" hidden>
<label for="search">Search</label>
<input id="search" type="search" autocomplete="off" spellcheck="false" placeholder="Search">
<p class="count" role="status"></p>
<ul class="results" hidden></ul>
</div>
</header>
<nav id="menu" aria-label="Pages">
<a class="close" href="#content">Close the menu</a>
${site.menu.map((section) => menuSection(page.url, section)).join('\n')}
</nav>
<main id="content" tabindex="-1">
${contents && `<details class="contents"><summary>On this page</summary>${contents}</details>`}
<article${page.wide ? ' class="wide"' : ''}>
${page.html}</article>
</main>
${contents && `<nav class="outline" aria-label="On this page">\n<h2>On this page</h2>${contents}</nav>`}
</body>
</html>
`;
}
