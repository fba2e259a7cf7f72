/* SPDX-License-Identifier: Apache-2.0 */
/* msg show ID [--body], msg export ID */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/attempt.h"
#include "ctl/offline.h"
#include "lib/base/units.h"
#include "spool/action.h"

enum { MSG_PIECE = 64 * 1024 };

/* Writes the body to standard output; `header_only` stops before the empty line, `safe`
 * keeps what is not printable from the terminal. */
static int msg_body(struct store *store, const struct offline_msg *m, bool header_only, bool safe)
{
	static char piece[MSG_PIECE];
	uint32_t crc = 0;
	char last = '\n';
	for (uint64_t offset = 0;;) {
		size_t got;
		int error = store_read_body(store, m->msg.id, offset, piece, sizeof piece, &crc, &got);
		if (error) return ctl_fail(EX_IOERR, "the body cannot be read: %s",
			error == -EBADMSG ? "it is damaged" : strerror(-error));
		for (size_t i = 0; i < got; i++) {
			char c = piece[i];
			if (c == '\r' && safe) continue;
			if (header_only && c == '\n' && last == '\n' && offset + i > 0) return 0;
			if (c != '\r') last = c;
			if (!safe || c == '\n' || c == '\t') putchar(c);
			else ctl_print_safe((struct str){ &c, 1 });
		}
		offset += got;
		if (got < sizeof piece) return ferror(stdout) ? EX_IOERR : 0;
	}
}

static void msg_field(const char *name, struct str value)
{
	if (value.len == 0) return;
	printf("%-12s ", name);
	ctl_print_safe(value);
	putchar('\n');
}

static int msg_rcpt(void *ctx, const struct spool_rcpt *r)
{
	(void)ctx;
	printf("%-12s %.*s ", "recipient", STR_ARG(action_rcpt_state(r)));
	ctl_print_safe(r->address);
	printf(" attempts=%u ", r->attempts);
	if (r->doubts) printf("doubts=%u ", r->doubts);
	ctl_print_safe(r->dsn);
	putchar(' ');
	ctl_print_safe(r->reply);
	putchar('\n');
	return 0;
}

/* Gathered first: to read the spool may mean to become its owner, who does not have the log. */
static int msg_attempts(const struct ctl *ctl, uint64_t id, char **text)
{
	size_t len;
	FILE *out = open_memstream(text, &len);
	if (!out) return ctl_fail(EX_OSERR, "no memory");
	(void)attempt_list(ctl->conf, id, out, stderr); /* which has said what it cannot */
	return fclose(out) == 0 ? 0 : ctl_fail(EX_OSERR, "no memory");
}

static int msg_show(struct store *store, const struct offline_msg *m, const char *attempts,
		    bool body)
{
	char text[64];
	struct buf b;
	buf_init_fixed(&b, text, sizeof text);
	printf("%-12s %016llx\n", "id", (unsigned long long)m->msg.id);
	msg_field("state", offline_state_name(m->state));
	msg_field("reason", m->msg.reason);
	units_time_write(&b, m->msg.arrived_ms);
	msg_field("arrived", buf_view(&b));
	printf("%-12s %llu\n", "size", (unsigned long long)m->msg.size);
	printf("%-12s <", "sender");
	ctl_print_safe(m->envelope.sender);
	printf(">\n");
	buf_reset(&b);
	ip_write(&b, m->envelope.client);
	msg_field("client", buf_view(&b));
	msg_field("helo", m->envelope.helo);
	msg_field("session", m->envelope.sid);
	if (m->msg.deaths) printf("%-12s %u\n", "deaths", m->msg.deaths);
	(void)store_read_rcpts(store, m->msg.id, 0, SPOOL_RCPTS_MAX, msg_rcpt, NULL);
	fputs(attempts, stdout);
	putchar('\n');
	return msg_body(store, m, !body, true);
}

int ctl_msg(struct ctl *ctl, int argc, char **argv)
{
	bool body = ctl_flag(&argc, argv, "--body");
	struct arena arena;
	struct offline_msg m;
	struct store *store;
	uint64_t id;
	bool show = argc == 2 && strcmp(argv[0], "show") == 0;
	if (!show && !(argc == 2 && strcmp(argv[0], "export") == 0))
		return ctl_fail(EX_USAGE, "msg show ID [--body], or msg export ID");
	int status = offline_id(argv[1], &id);
	char *attempts = NULL;
	if (status == 0 && show) status = msg_attempts(ctl, id, &attempts);
	if (status == 0) status = offline_open(ctl, false, &store);
	if (status) goto out;
	arena_init(&arena, OFFLINE_ARENA);
	status = offline_read(store, id, &arena, &m);
	if (status == 0) status = show ? msg_show(store, &m, attempts, body)
				       : msg_body(store, &m, false, false);
	arena_free(&arena);
	store_close(store);
out:
	free(attempts);
	return status;
}
