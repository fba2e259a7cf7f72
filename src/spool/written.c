/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that the role http writes: a report for another domain. It arrives as any other, from the null
 * sender and without wishes for reports, so that nothing ever comes of one that fails. */
#include "spool/spool.h"

#include <stdlib.h>
#include <string.h>

#include "lib/mail/envelope.h"
#include "lib/smtp/command.h"

enum { WRITTEN_MAX = 256 * 1024, WRITTEN_AT_ONCE = 64 };

struct written {
	uint64_t number;
	char *text; /* until it is kept */
	struct str span;
};

static void written_answer(struct spool *s, uint64_t number, bool kept)
{
	struct channel *ch = frame_peer(s->frame, ROLE_HTTP, 0);
	if (ch) channel_send_letter_kept(ch, &(struct msg_letter_kept){ number, kept });
}

static void written_free(struct spool *s, struct written *l)
{
	s->written_count--;
	free(l->text);
	free(l);
}

static struct written *written_new(struct spool *s, const struct msg_letter *m)
{
	if (s->written_count == WRITTEN_AT_ONCE || m->text.len == 0 || m->text.len > WRITTEN_MAX)
		return NULL;
	struct written *l = calloc(1, sizeof *l);
	if (l) l->text = malloc(m->text.len);
	if (!l || !l->text) {
		free(l);
		return NULL;
	}
	memcpy(l->text, m->text.at, m->text.len);
	l->span = (struct str){ l->text, m->text.len };
	l->number = m->number;
	s->written_count++;
	return l;
}

static bool written_arrive(struct spool *s, struct written *l, struct str address)
{
	struct note *note;
	struct envelope_rcpt rcpt = { .address = address, .notify = SMTP_NOTIFY_NEVER };
	struct envelope e = { .rcpts = &rcpt, .rcpt_count = 1, .esmtp = true,
		.arrived_ms = loop_wall_ms(s->frame->loop), .size = l->span.len,
		.tls_wish = MAIL_TLS_OPTIONAL };
	if (!letter_arrive(s, mail_id_next(&s->ids, e.arrived_ms), &e, &l->span, 1, &note)) return false;
	note->kind = NOTE_WRITTEN;
	note->written = l;
	return true;
}

void written_take(struct spool *s, const struct msg_letter *m)
{
	struct written *l = s->lost || s->draining ? NULL : written_new(s, m);
	if (l && written_arrive(s, l, m->to)) return;
	if (l) written_free(s, l);
	written_answer(s, m->number, false);
}

void written_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct written *l = note->written;
	written_answer(s, l->number, op->result == 0);
	if (op->result == 0) pump_fresh(s, op->id);
	else watch_error(s, op->result, "a report for another domain could not be written");
	written_free(s, l);
}
