/* SPDX-License-Identifier: Apache-2.0 */
/* Event 4037: a process died, and only its work in hand is lost. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "services/master/master.h"

struct death {
	int signo;   /* 0: it left with a status */
	bool own;    /* by its own fault, not killed from outside */
	bool blamed; /* the message in hand may be the cause */
	char reason[96];
};

static struct death death_of(const struct scoreboard_slot *slot, int status)
{
	struct death d = { 0 };
	if (WIFSIGNALED(status)) {
		d.signo = WTERMSIG(status);
		/* The sandbox kills without asking the handler. */
		d.own = d.signo == SIGSYS || (slot->signo == d.signo && slot->own_fault);
		d.blamed = d.own ||
			   d.signo == SIGKILL; /* SIGKILL: so ends who takes all memory */
		(void)snprintf(d.reason, sizeof d.reason, "killed by signal %d (%s)",
			       d.signo, strsignal(d.signo));
		return d;
	}
	int code = WEXITSTATUS(status);
	d.signo = slot->signo; /* a sanitizer turns signals into exits */
	/* Our own codes are sysexits; 1 is a checker in the program that gave up. */
	d.own = d.blamed = code == 1 || (slot->signo && slot->own_fault);
	(void)snprintf(d.reason, sizeof d.reason, "exit status %d", code);
	return d;
}

static void crash_event(const struct child *c, const struct scoreboard_slot *slot,
			const struct death *d)
{
	struct event_log *log = &c->master->log;
	char text[32];
	(void)snprintf(text, sizeof text, "0x%llx", (unsigned long long)slot->address);
	event_begin(log, EVENT_crash_contained, slot->sid, slot->id);
	event_str(log, FIELD_process, str_of(c->title));
	event_i64(log, FIELD_pid, c->pid);
	event_i64(log, FIELD_code, d->signo);
	if (slot->signo) {
		event_i64(log, FIELD_flags, slot->si_code);
		event_str(log, FIELD_address, str_of(text));
	}
	if (!ip_is_none(slot->client)) event_ip(log, FIELD_client, slot->client);
	event_i64(log, FIELD_restarts, c->restarts);
	event_str(log, FIELD_reason, str_of(d->reason));
	event_end(log);
}

static void backend_event(const struct child *c, const struct death *d)
{
	struct event_log *log = &c->master->log;
	event_begin(log, EVENT_backend_lost, 0, 0);
	event_str(log, FIELD_process, str_of(c->title));
	event_str(log, FIELD_reason, str_of(d->reason));
	event_end(log);
}

static void shun_send(const struct crash_client *row, struct child *receive)
{
	struct msg_shun m = {
		.client = { (const char *)row->client.octets, sizeof row->client.octets },
		.until_ms = (uint64_t)row->until_ms,
	};
	if (receive->ch) channel_send_shun(receive->ch, &m);
}

static void shun(struct master *m, const struct crash_client *row)
{
	event_begin(&m->log, EVENT_shun, 0, 0);
	event_ip(&m->log, FIELD_client, row->client);
	event_i64(&m->log, FIELD_count, row->deaths);
	event_i64(&m->log, FIELD_delay, CRASH_HISTORY_SHUN_MS);
	event_end(&m->log);
	for (size_t i = 0; i < m->child_count; i++)
		if (m->children[i].role == ROLE_RECEIVE) shun_send(row, &m->children[i]);
}

void crash_tell_receive(struct master *m, struct child *receive)
{
	size_t at = 0;
	for (const struct crash_client *row;
	     (row = crash_history_shunned(&m->history, &at, loop_wall_ms(m->loop)));)
		shun_send(row, receive);
}

/* While spool itself is down its messages wait. When there are too many of them the rest
 * is not told: then a message is tried once more than it should be. */
static void spool_tell(struct master *m, const struct child *c, uint64_t id, bool blamed)
{
	struct msg_death msg = { (uint8_t)c->role, (uint16_t)c->index, id, blamed };
	struct child *spool = child_find(m, ROLE_SPOOL, 0);
	if (!spool || spool == c) return;
	if (spool->state == CHILD_READY && spool->ch) channel_send_death(spool->ch, &msg);
	else if (m->death_count < MASTER_DEATHS_MAX) m->deaths[m->death_count++] = msg;
}

void crash_tell_spool(struct master *m, struct child *spool)
{
	for (size_t i = 0; i < m->death_count; i++)
		channel_send_death(spool->ch, &m->deaths[i]);
	m->death_count = 0;
}

void crash_note(struct child *c, int status)
{
	struct master *m = c->master;
	/* The slot is the dead process's: a copy, and no word of it is trusted further.
	 */
	struct scoreboard_slot slot = m->slots[c->slot];
	struct death d = death_of(&slot, status);
	if (m->phase == MASTER_STOPPING && c->forced) return; /* our own doing */
	crash_event(c, &slot, &d);
	if (c->role == ROLE_SPOOL || c->role == ROLE_DIRECTORY) backend_event(c, &d);
	if (c->role == ROLE_RECEIVE || c->role == ROLE_MAILBOX || c->role == ROLE_DELIVER ||
	    c->role == ROLE_BOUNCE)
		spool_tell(m, c, slot.id, d.blamed);
	if (c->role != ROLE_RECEIVE || !d.own) return;
	const struct crash_client *row =
		crash_history_death(&m->history, slot.client, loop_wall_ms(m->loop));
	if (row && row->deaths >= CRASH_HISTORY_SHUN_AT) shun(m, row);
}
