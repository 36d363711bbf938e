// Every page works without this script. It avoids having to paste the token and to reload pages.

const token = document.getElementById("token");
if (token && location.hash.length > 1) {
    // A fragment is not sent to the server, and is removed from the history immediately.
    token.value = decodeURIComponent(location.hash.slice(1));
    history.replaceState(null, "", location.pathname);
}

const bar = document.getElementById("progress");
if (bar) {
    const announcement = document.getElementById("announcement");
    let announced = 0;

    const show = (now) => {
        bar.value = now.done;
        document.getElementById("done").textContent = now.done;
        document.getElementById("failed").textContent = now.failed;
        // Screen readers announce only some of the steps.
        const tenths = Math.floor((10 * now.done) / now.total);
        if (tenths > announced) {
            announced = tenths;
            announcement.textContent = `${10 * tenths} percent done`;
        }
    };

    const poll = async () => {
        try {
            const response = await fetch("/admin/import/progress");
            const now = response.ok ? await response.json() : { is_running: false };
            if (!now.is_running) return location.reload();
            show(now);
        } catch {
            announcement.textContent = "The site can’t be reached; trying again.";
        }
        setTimeout(poll, 250);
    };
    poll();
}
