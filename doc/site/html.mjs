// Pieces of HTML.

import hljs from 'highlight.js/lib/core';
import bash from 'highlight.js/lib/languages/bash';
import cmake from 'highlight.js/lib/languages/cmake';
import cpp from 'highlight.js/lib/languages/cpp';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import python from 'highlight.js/lib/languages/python';

for (const [name, language] of Object.entries({ bash, cmake, cpp, javascript, json, python })) {
    hljs.registerLanguage(name, language);
}

const languages = { sh: 'bash', hpp: 'cpp', js: 'javascript', mjs: 'javascript', py: 'python', 'CMakeLists.txt': 'cmake' };

export function escape(text) {
    return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);
}

/// Code in a line of text. Short code is kept together, and long code may break where it has parts.
export function inlineCode(text) {
    if (text.length <= 24) {
        return `<code class="short">${escape(text)}</code>`;
    }
    const parts = text.split(/(?<=::|[({,./])/);
    return `<code>${parts.map(escape).join('<wbr>')}</code>`;
}

/// Code as HTML; `language` is that of a fence, or the end of a file's name.
export function code(text, language) {
    const known = languages[language] ?? language;
    return hljs.getLanguage(known) ? hljs.highlight(text, { language: known }).value : escape(text);
}

export function block(text, language) {
    return `<pre><code>${code(text, language)}</code></pre>\n`;
}

/// The ids of headings on a page: the same as in the repository's own view of a document.
export class Ids {
    #used = new Map();

    add(text) {
        const base = text.toLowerCase().replace(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
        const count = this.#used.get(base) ?? 0;
        this.#used.set(base, count + 1);
        return count ? `${base}-${count}` : base;
    }
}

/// A heading that is a link to itself, for those who point at it.
export function heading(level, id, html) {
    return `<h${level} id="${escape(id)}"><a href="#${escape(id)}" tabindex="-1">${html}</a></h${level}>\n`;
}

/// The URL of one file of the site as seen from another one.
export function relative(from, to) {
    const [path, anchor] = to.split('#');
    const folders = from.split('/').slice(0, -1);
    const parts = path.split('/');
    while (folders.length && parts.length > 1 && folders[0] === parts[0]) {
        folders.shift();
        parts.shift();
    }
    const url = from === path ? '' : folders.map(() => '../').join('') + parts.map(encodeURIComponent).join('/');
    return anchor === undefined ? url || parts.at(-1) : `${url}#${anchor}`;
}
