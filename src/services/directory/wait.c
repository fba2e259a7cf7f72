/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "lib/os/sandbox.h"

static int64_t now_ms(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t wait_deadline(int64_t timeout_ms) { return now_ms() + timeout_ms; }

int64_t wait_left_ms(int64_t deadline_ms)
{
	int64_t left = deadline_ms - now_ms();
	return left > 0 ? left : 0;
}

int wait_fd(int fd, short events, int64_t deadline_ms)
{
	for (;;) {
		struct pollfd one = { .fd = fd, .events = events };
		int64_t left = wait_left_ms(deadline_ms);
		if (left == 0) return -ETIMEDOUT;
		int ready = poll(&one, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (ready > 0) return one.revents & POLLNVAL ? -EBADF : 0;
		if (ready < 0 && errno != EINTR) return -errno;
	}
}

/* Those that are missing are missed by nobody. */
static const char *const name_files[] = {
	"/etc/resolv.conf", "/etc/hosts",    "/etc/nsswitch.conf",
	"/etc/host.conf",   "/etc/gai.conf", "/etc/services",
};

int wait_allow(bool names)
{
	sandbox_allow_clients();
	for (size_t i = 0; names && i < sizeof name_files / sizeof *name_files; i++)
		(void)sandbox_allow_path(name_files[i], false);
	/* Unix sockets are not the sandbox's business, but a role that may open no file
	 * at all is locked into an empty folder, and finds none there. */
	return sandbox_allow_path("/dev/null", false);
}

static bool is_blank(char c) { return ascii_is_ctl(c) || c == ' '; }

void why_say(struct buf *why, const char *who, struct str text)
{
	while (text.len && is_blank(text.at[0])) text = str_from(text, 1);
	text = str_sub(text, 0, WHY_PART_MAX);
	while (text.len && is_blank(text.at[text.len - 1])) text.len--;
	buf_reset(why);
	buf_str(why, str_of(who));
	buf_str(why, STR(": "));
	for (size_t i = 0; i < text.len; i++)
		buf_byte(why, is_blank(text.at[i]) ? ' ' : text.at[i]);
}

void why_errno(struct buf *why, const char *who, int error)
{
	char memory[128];
	why_say(why, who, str_of(strerror_r(error, memory, sizeof memory)));
}
