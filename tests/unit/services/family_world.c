/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "family.h"
#include "free_port.h"
#include "lib/os/clock.h"
#include "lib/os/socket.h"

enum { PATIENCE_MS = 20 * 1000, LOG_MAX = 1024 * 1024 };

void world_make(struct world *w, unsigned uid)
{
	memset(w, 0, sizeof *w);
	(void)snprintf(w->folder, sizeof w->folder, "/tmp/ims-test-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(chmod(w->folder, 0755), 0);
	if (uid) assert_int_equal(chown(w->folder, uid, uid), 0);
	w->uid = uid;
	w->port = free_port();
	w->other_port = free_port();
}

void world_destroy(struct world *w)
{
	char command[128];
	if (w->pid) {
		(void)kill(w->pid, SIGKILL);
		(void)world_wait(w);
	}
	(void)snprintf(command, sizeof command, "rm -rf %s", w->folder);
	assert_int_equal(system(command), 0);
}

void world_write_conf(const struct world *w, const char *text)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/t.conf", w->folder);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

void world_configure(const struct world *w, const char *hostname, bool first, bool second)
{
	char text[2048];
	size_t n = (size_t)snprintf(
		text, sizeof text,
		"hostname %s\nstate %s/state\nruntime %s/run\nspool { path %s/spool }\n",
		hostname, w->folder, w->folder, w->folder);
	if (first)
		n += (size_t)snprintf(text + n, sizeof text - n,
				      "listener first { address 127.0.0.1:%u }\n",
				      (unsigned)w->port);
	if (second)
		(void)snprintf(text + n, sizeof text - n,
			       "listener second { address 127.0.0.1:%u }\n",
			       (unsigned)w->other_port);
	world_write_conf(w, text);
}

void world_spawn(struct world *w)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/t.conf", w->folder);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (w->uid && (setgid(w->uid) != 0 || setuid(w->uid) != 0)) _exit(99);
		/* The test may be killed; its service must not stay. */
		(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGTERM, 0ul, 0ul, 0ul);
		char *argv[] = { (char *)(uintptr_t) "imsd",
				 (char *)(uintptr_t) "--config", path, NULL };
		(void)execv("/proc/self/exe", argv);
		_exit(98);
	}
	w->pid = pid;
}

void world_start(struct world *w)
{
	unsigned before = world_count(w, "event=service_start", "");
	world_spawn(w);
	world_expect(w, "event=service_start", "", before + 1);
}

int world_wait(struct world *w)
{
	int status = 0;
	assert_int_equal(waitpid(w->pid, &status, 0), w->pid);
	w->pid = 0;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

static const char *log_read(const struct world *w)
{
	static char text[LOG_MAX];
	char path[128];
	(void)snprintf(path, sizeof path, "%s/state/events", w->folder);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
	if (fd >= 0) close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const char *line_next(const char **rest, char *line, size_t size)
{
	const char *end = strchr(*rest, '\n');
	if (!end) return NULL;
	(void)str_to_cstr((struct str){ *rest, (size_t)(end - *rest) }, line, size);
	*rest = end + 1;
	return line;
}

unsigned world_count(const struct world *w, const char *needle, const char *also)
{
	char line[4096];
	const char *rest = log_read(w);
	unsigned count = 0;
	while (line_next(&rest, line, sizeof line))
		if (strstr(line, needle) && strstr(line, also)) count++;
	return count;
}

pid_t world_pid_of(const struct world *w, const char *process)
{
	char line[4096], key[64];
	const char *rest = log_read(w);
	pid_t pid = 0;
	(void)snprintf(key, sizeof key, " process=%s ", process);
	while (line_next(&rest, line, sizeof line)) {
		const char *at = strstr(line, " pid=");
		if (strstr(line, "event=process_start") && strstr(line, key) && at)
			pid = (pid_t)strtol(at + 5, NULL, 10);
	}
	assert_true(pid > 0);
	return pid;
}

void world_expect(const struct world *w, const char *needle, const char *also,
		  unsigned count)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	while (world_count(w, needle, also) < count) {
		if (clock_mono_ms() > until) {
			print_message("no %u lines with '%s' '%s' in:\n%s\n", count,
				      needle, also, log_read(w));
			fail();
		}
		(void)usleep(5000);
	}
}

static const char *say(int fd, const char *word)
{
	static char answer[4096];
	size_t len = 0;
	answer[0] = '\0';
	if (fd < 0) return answer;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	(void)poll(&p, 1, 1000);
	(void)send(fd, word, strlen(word), MSG_NOSIGNAL);
	p.events = POLLIN;
	while (len < sizeof answer - 1 && poll(&p, 1, PATIENCE_MS) == 1) {
		ssize_t n = recv(fd, answer + len, sizeof answer - 1 - len, 0);
		if (n <= 0) break;
		len += (size_t)n;
	}
	answer[len] = '\0';
	close(fd);
	return answer;
}

const char *client_say(uint16_t port, const char *word)
{
	return say(socket_connect(ip_of_v4(0x7f000001), port), word);
}

const char *console_say(const struct world *w, const char *word)
{
	char path[128];
	(void)snprintf(path, sizeof path, "%s/run/ask", w->folder);
	return say(socket_unix_connect(path), word);
}

void client_hears(uint16_t port, const char *word, const char *answer)
{
	int64_t until = clock_mono_ms() + PATIENCE_MS;
	const char *heard;
	while (strcmp(heard = client_say(port, word), answer) != 0 &&
	       clock_mono_ms() < until)
		(void)usleep(20 * 1000);
	assert_string_equal(heard, answer);
}
