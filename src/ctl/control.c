/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

enum { CONTROL_PATIENCE_S = 70 };

/* A blocking connection, or -errno. */
static int control_connect(const struct ctl *ctl)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct buf path;
	buf_init_fixed(&path, addr.sun_path, sizeof addr.sun_path);
	buf_str(&path, ctl->conf->runtime);
	buf_str(&path, STR("/control.sock"));
	buf_byte(&path, '\0');
	if (path.overflowed) return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return -errno;
	struct timeval patience = { .tv_sec = CONTROL_PATIENCE_S };
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr) == 0) return fd;
	int error = errno;
	(void)close(fd);
	return -error;
}

bool ctl_is_running(const struct ctl *ctl)
{
	int fd = control_connect(ctl);
	if (fd < 0) return false;
	(void)close(fd);
	return true;
}

static bool control_send(int fd, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	bool sent = text && dprintf(fd, "%s\n", text) > 0;
	free(text);
	return sent;
}

static int control_last(const json_t *last, uint64_t *count, char *text)
{
	const char *sentence = json_string_value(json_object_get(last, "text"));
	if (count) *count = (uint64_t)json_integer_value(json_object_get(last, "count"));
	if (text) (void)snprintf(text, CTL_TEXT_MAX, "%s", sentence ? sentence : "");
	return (int)json_integer_value(json_object_get(last, "status"));
}

static int control_read(FILE *stream, void (*row)(void *arg, json_t *row), void *arg,
                        uint64_t *count, char *text)
{
	char *line = NULL;
	size_t size = 0;
	int status = -1;
	while (status < 0 && getline(&line, &size, stream) > 0) {
		json_t *answer = json_loads(line, 0, NULL);
		if (json_is_true(json_object_get(answer, "done"))) status = control_last(answer, count, text);
		else if (answer && row) row(arg, answer);
		json_decref(answer);
	}
	free(line);
	return status >= 0 ? status : ctl_fail(EX_TEMPFAIL, "the service ended the connection");
}

int ctl_ask(const struct ctl *ctl, json_t *request, void (*row)(void *arg, json_t *row),
            void *arg, uint64_t *count, char *text)
{
	if (count) *count = 0;
	if (text) text[0] = '\0';
	int fd = control_connect(ctl);
	if (fd < 0) {
		json_decref(request);
		return ctl_fail(fd == -EACCES ? EX_NOPERM : EX_UNAVAILABLE,
			"no service answers at %.*s/control.sock: %s",
			STR_ARG(ctl->conf->runtime), strerror(-fd));
	}
	bool sent = control_send(fd, request);
	json_decref(request);
	FILE *stream = sent ? fdopen(fd, "r") : NULL;
	if (!stream) {
		(void)close(fd);
		return ctl_fail(EX_UNAVAILABLE, "the service does not take requests");
	}
	int status = control_read(stream, row, arg, count, text);
	(void)fclose(stream);
	return status;
}
