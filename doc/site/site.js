// What the pages do besides showing text: the search. Without this script everything else works.

(() => {
    const script = document.currentScript;
    const box = document.querySelector('.search');
    const input = box.querySelector('input');
    const list = box.querySelector('ul');
    const count = box.querySelector('[role=status]');
    const most = 20;
    let entries = null;

    // A script, because a page that was opened as a file may load nothing else.
    function load() {
        if (entries) {
            return;
        }
        entries = [];
        globalThis.searchIndex = (all) => {
            entries = all;
            show();
        };
        const element = document.createElement('script');
        element.src = script.dataset.index;
        document.head.append(element);
    }

    /// How well a title answers the words; less is better.
    function rank(title, words) {
        const text = title.toLowerCase();
        const last = text.slice(text.lastIndexOf(':') + 1);
        if (text === words[0] || last === words[0]) {
            return 0;
        }
        return text.startsWith(words[0]) || last.startsWith(words[0]) ? 1 : 2;
    }

    function find(words) {
        return entries
            .filter(([title, kind]) => words.every((word) => `${title} ${kind}`.toLowerCase().includes(word)))
            .map((entry) => ({ entry, rank: rank(entry[0], words) }))
            .sort((a, b) => a.rank - b.rank || a.entry[0].length - b.entry[0].length);
    }

    function show() {
        const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
        const found = words.length ? find(words) : [];
        const base = script.dataset.index.replace(/search-index\.js$/, '');
        list.replaceChildren(...found.slice(0, most).map(({ entry: [title, kind, url] }) => {
            const item = document.createElement('li');
            const link = document.createElement('a');
            const note = document.createElement('span');
            link.href = base + url;
            link.textContent = title;
            note.textContent = kind;
            link.append(note);
            item.append(link);
            return item;
        }));
        list.hidden = found.length === 0;
        count.textContent = words.length ? `${found.length} found` : '';
    }

    function close() {
        input.value = '';
        show();
    }

    /// Moves the focus among the input and the results.
    function move(step) {
        const stops = [input, ...list.querySelectorAll('a')];
        const next = stops[stops.indexOf(document.activeElement) + step];
        next?.focus();
    }

    input.addEventListener('focus', load);
    input.addEventListener('input', show);
    box.addEventListener('keydown', (event) => {
        const steps = { ArrowDown: 1, ArrowUp: -1 };
        if (event.key in steps) {
            event.preventDefault();
            move(steps[event.key]);
        } else if (event.key === 'Escape') {
            close();
            input.focus();
        } else if (event.key === 'Enter' && event.target === input) {
            list.querySelector('a')?.click();
        }
    });
    list.addEventListener('click', close);
    document.addEventListener('click', (event) => {
        if (!box.contains(event.target)) {
            close();
        }
    });
    document.addEventListener('keydown', (event) => {
        const isTyping = /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName);
        if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey) {
            event.preventDefault();
            input.focus();
        }
    });
    box.hidden = false;

    // What scrolls sideways must be reached by the keyboard.
    function mark() {
        for (const element of document.querySelectorAll('pre, .table')) {
            if (element.scrollWidth > element.clientWidth) {
                element.tabIndex = 0;
            } else {
                element.removeAttribute('tabindex');
            }
        }
    }
    addEventListener('resize', mark);
    mark();
})();
