/* SPDX-License-Identifier: Apache-2.0 */
#include "scripted.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/os/socket.h"

static bool hear(struct scripted *s, int fd)
{
	char c = 0;
	while (c != '\n') {
		if (recv(fd, &c, 1, 0) != 1) return false;
		if (s->heard_len < sizeof s->heard) s->heard[s->heard_len++] = c;
	}
	return true;
}

/* The very first has no type. */
static bool hear_frame(int fd, bool first)
{
	unsigned char head[5] = { 0 };
	char rest[4096];
	size_t size = first ? 4 : 5;
	if (recv(fd, head + (5 - size), size, MSG_WAITALL) != (ssize_t)size) return false;
	size_t len = (size_t)head[3] << 8 | head[4];
	assert_true(len >= 4 && len - 4 <= sizeof rest);
	return len == 4 || recv(fd, rest, len - 4, MSG_WAITALL) == (ssize_t)len - 4;
}

static bool say(int fd, struct str text)
{
	while (text.len) {
		ssize_t sent = send(fd, text.at, text.len, MSG_NOSIGNAL);
		if (sent <= 0) return false;
		text = str_from(text, (size_t)sent);
	}
	return true;
}

static void play(struct scripted *s, int fd)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct scripted_step *step = &s->steps[i];
		for (size_t n = 0; n <= step->repeat; n++)
			if (!say(fd, step->say)) return;
		if (step->hear && !hear(s, fd)) return;
		for (size_t n = 0; n < step->frames; n++)
			if (!hear_frame(fd, i == 0)) return;
		char c;
		while (step->hang && recv(fd, &c, 1, 0) == 1) continue;
	}
}

static void *run(void *arg)
{
	struct scripted *s = arg;
	for (int fd; (fd = accept(s->listener, NULL, NULL)) >= 0; (void)close(fd)) {
		s->connections++;
		play(s, fd);
	}
	return NULL;
}

void scripted_start(struct scripted *s, const struct scripted_step *steps, size_t count)
{
	*s = (struct scripted){ .steps = steps, .count = count };
	(void)snprintf(s->folder, sizeof s->folder, "/tmp/ims-test-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	(void)snprintf(s->path, sizeof s->path, "%s/socket", s->folder);
	s->listener = socket_unix_listen(s->path, 0600);
	assert_true(s->listener >= 0);
	int flags = 0; /* blocking */
	assert_int_equal(fcntl(s->listener, F_SETFL, flags), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, run, s), 0);
}

void scripted_end(struct scripted *s)
{
	(void)shutdown(s->listener, SHUT_RDWR);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	(void)close(s->listener);
	(void)unlink(s->path);
	(void)rmdir(s->folder);
}
