/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/pacing.h"
#include "spool/turn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "lib/os/sandbox.h"

static int role_open(struct frame *f)
{
	struct spool *s = calloc(1, sizeof *s);
	char path[4096];
	if (!s) return EX_OSERR;
	f->role = s;
	s->frame = f;
	/* From here on relative paths only: the parents need not be open to this user. */
	if (!str_to_cstr(f->conf->spool.path, path, sizeof path) || chdir(path) != 0) {
		watch_error(s, -errno, "the spool folder cannot be entered");
		return EX_CANTCREAT;
	}
	if (sandbox_allow_path(".", true) != 0) return EX_OSERR;
	dial_zone_load(s);
	return 0;
}

static void role_tables(struct spool *s)
{
	map_init(&s->streams, SPOOL_BIGS_MAX, (uint64_t)clock_wall_ms());
	map_init(&s->parts, SPOOL_PARTS_MAX, 0);
	map_init(&s->in_hand, SPOOL_HANDS_MAX, (uint64_t)clock_wall_ms());
	map_init(&s->stops, SPOOL_NOTES_MAX, (uint64_t)clock_wall_ms());
	map_init(&s->wait.open, SPOOL_OPEN_MAX, (uint64_t)clock_wall_ms());
	list_init(&s->wait.asks);
	list_init(&s->turns);
	list_init(&s->acts);
	list_init(&s->wants);
	list_init(&s->big_wants);
	list_init(&s->reports);
	list_init(&s->notice_letters);
	notices_init(&s->notices, (uint64_t)clock_wall_ms() ^ (uint64_t)getpid() << 32);
	sched_init(&s->sched, 0, (uint64_t)clock_wall_ms() * (uint64_t)getpid());
	s->ids.worker = MAIL_ID_SPOOL;
	s->rng.state = (uint64_t)clock_wall_ms() ^ (uint64_t)getpid() << 32;
}

static int role_serve(struct frame *f)
{
	struct spool *s = f->role;
	struct store_options options = { 0 };
	role_tables(s);
	int error = store_open(&store_lmdb, ".", &options, &s->store);
	if (error) {
		watch_error(s, error, "the spool cannot be opened");
		return error == -EPROTO ? EX_CONFIG : EX_TEMPFAIL;
	}
	s->window = window_new(SPOOL_WINDOW);
	s->due_timer = loop_timer_new(f->loop, pump_tick, s);
	s->watch_timer = loop_timer_new(f->loop, watch_tick, s);
	s->act_timer = loop_timer_new(f->loop, act_slice, s);
	if (!s->window || !s->due_timer || !s->watch_timer || !s->act_timer) return EX_OSERR;
	error = commit_start(s);
	if (error) return error;
	suspend_load(s);
	/* What answers a spool before this one is no answer to it. */
	s->dial_query = (uint64_t)loop_wall_ms(f->loop) << 16;
	dial_load(s);
	s->unrouted = true; /* nobody has looked */
	pump_start(s);
	loop_timer_set(s->watch_timer, 1);
	return 0;
}

static void role_peer_up(struct frame *f, struct channel *ch)
{
	struct spool *s = f->role;
	enum role peer = channel_peer(ch);
	if (peer == ROLE_MAILBOX || peer == ROLE_DELIVER)
		parts_worker_up(s, peer, channel_peer_index(ch));
	else if (peer == ROLE_BOUNCE) report_bounce_up(s, ch);
}

static void role_peer_down(struct frame *f, struct channel *ch)
{
	struct spool *s = f->role;
	enum role peer = channel_peer(ch);
	if (peer == ROLE_RECEIVE) arrive_worker_down(s, channel_peer_index(ch));
	else if (peer == ROLE_BOUNCE) {
		notice_bounce_down(s);
		report_bounce_down(s);
	}
	else if (peer == ROLE_MAILBOX || peer == ROLE_DELIVER) {
		if (peer == ROLE_DELIVER) turn_worker_down(s, channel_peer_index(ch));
		parts_worker_down(s, peer, channel_peer_index(ch));
		watch_leave_if_idle(s);
	}
}

/* This may come before the end of the dead worker's channel; what it said last still counts,
 * or what it has delivered would be delivered again. Queued mail is never in hand at
 * receive, whose word for it is worth nothing: it must not be able to park what it likes. */
static void role_death(struct spool *s, const struct msg_death *death)
{
	enum role role = (enum role)death->role;
	bool has_jobs = role == ROLE_MAILBOX || role == ROLE_DELIVER;
	if (!has_jobs && role != ROLE_BOUNCE) return;
	struct channel *ch = frame_peer(s->frame, role, death->index);
	if (ch) channel_pump(ch);
	if (role == ROLE_DELIVER) turn_worker_down(s, death->index);
	if (has_jobs) parts_lost(s, role, death->index);
	if (death->blamed && death->id) outcome_death(s, death->id);
}

static void role_admin(struct spool *s, enum msg_type type, struct str payload)
{
	struct msg_ask_totals ask;
	struct msg_ask_paces paces;
	struct msg_ask_destination destination;
	struct msg_act act;
	struct msg_death death;
	struct msg_program_done program;
	struct msg_route_state state;
	if (type == MSG_program_done && msg_program_done_get(payload, &program))
		dial_answer(s, &program);
	else if (type == MSG_ask_destination && msg_ask_destination_get(payload, &destination))
		pacing_destination(s, &destination);
	else if (type == MSG_ask_paces && msg_ask_paces_get(payload, &paces)) pacing_rows(s, paces.query);
	else if (type == MSG_ask_totals && msg_ask_totals_get(payload, &ask)) watch_totals(s, ask.query);
	else if (type == MSG_act && msg_act_get(payload, &act)) (void)act_begin(s, &act);
	else if (type == MSG_death && msg_death_get(payload, &death)) role_death(s, &death);
	else if (type == MSG_route_state && msg_route_state_get(payload, &state))
		unreachable_set(s, &state);
}

static void role_worker(struct spool *s, struct channel *ch, enum msg_type type,
                        struct str payload, int fd)
{
	enum role role = channel_peer(ch);
	unsigned worker = channel_peer_index(ch);
	struct msg_done done;
	struct msg_pooled pooled;
	struct msg_body_want want;
	struct msg_report_done report;
	struct msg_letter letter;
	struct msg_line_gone gone;
	struct msg_visit visit;
	if (type == MSG_window) report_window(s, fd);
	else if (type == MSG_body_want && msg_body_want_get(payload, &want))
		text_wanted(s, worker, want.job);
	else if (type == MSG_pooled && msg_pooled_get(payload, &pooled))
		pacing_pooled(s, worker, &pooled);
	else if (type == MSG_done && msg_done_get(payload, &done)) {
		if (role != ROLE_DELIVER || !fetch_done(s, &done)) outcome_done(s, role, worker, &done);
	}
	else if (type == MSG_report_done && msg_report_done_get(payload, &report)) {
		if (!notice_written(s, &report)) report_written(s, &report);
	}
	else if (type == MSG_visit && msg_visit_get(payload, &visit)) fetch_visit(s, &visit, fd);
	else if (type == MSG_line_gone && msg_line_gone_get(payload, &gone)) turn_gone(s, worker, gone.key);
	else if (type == MSG_letter && msg_letter_get(payload, &letter)) written_take(s, &letter);
	else role_admin(s, type, payload);
	watch_leave_if_idle(s);
}

static void role_message(struct frame *f, struct channel *ch, enum msg_type type,
                         struct str payload, int fd)
{
	struct spool *s = f->role;
	unsigned worker = channel_peer_index(ch);
	struct msg_commit commit;
	struct msg_big_piece piece;
	struct msg_big_abort abort_it;
	struct msg_refused_note refused;
	struct msg_release release;
	struct msg_turn turn;
	if (channel_peer(ch) != ROLE_RECEIVE) {
		role_worker(s, ch, type, payload, fd);
		return;
	}
	if (type == MSG_commit && msg_commit_get(payload, &commit)) arrive_commit(s, worker, &commit);
	else if (type == MSG_big_piece && msg_big_piece_get(payload, &piece))
		arrive_piece(s, worker, &piece);
	else if (type == MSG_big_abort && msg_big_abort_get(payload, &abort_it))
		arrive_abort(s, worker, abort_it.handle);
	else if (type == MSG_refused_note && msg_refused_note_get(payload, &refused))
		notice_note(s, &refused);
	else if (type == MSG_release && msg_release_get(payload, &release))
		wait_release(s, worker, &release);
	else if (type == MSG_turn && msg_turn_get(payload, &turn)) turn_begin(s, worker, &turn, fd);
	else if (type == MSG_window) arrive_worker_up(s, worker, fd);
}

/* Whether mail may wait, for as long as it may live, for a word or a window that will not
 * come any more. */
static bool waits_in_vain(const struct conf *old, const struct conf *new)
{
	for (size_t i = 0; i < old->domain_count; i++) {
		const struct conf_domain *domain = &old->domains[i];
		for (size_t k = 0; domain->deliver.held && k < domain->name_count; k++) {
			const struct conf_domain *now = conf_domain_find(new, domain->names[k]);
			if (!now || !now->deliver.held) return true;
		}
	}
	for (size_t i = 0; i < old->dial_count; i++) {
		const struct conf_dial *dial = &old->dials[i];
		for (size_t k = 0; k < dial->routes.count; k++) {
			const struct conf_dial *now = conf_dial_find(new, dial->routes.at[k]);
			if (!now || !str_eq(now->name, dial->name)) return true;
		}
	}
	return false;
}

static void role_reload(struct frame *f, struct conf *old)
{
	struct spool *s = f->role;
	if (s->sched.limit) s->sched.limit = (uint32_t)f->conf->limit.connections.out;
	pacing_reload(s);
	s->drained = false;
	dial_load(s);
	if (f->conf->transfer == CONF_TRANSFER_IN) jobs_drain(s); /* what is under way comes to its end */
	sched_forget(&s->sched);
	pump_rescan(s); /* a route or a mode may have changed */
	/* What still has to wait is put off anew, without an attempt. */
	if (waits_in_vain(old, f->conf)) owed_set(s, OWED_RELOAD);
	if (s->unrouted) owed_set(s, OWED_ROUTE);
}

static void role_drain(struct frame *f, bool now)
{
	struct spool *s = f->role;
	s->draining = true;
	dial_drain(s);
	parts_drain(s);
	jobs_drain(s);
	if (now) frame_leave(f);
	else watch_leave_if_idle(s);
}

const struct role_ops spool_role = {
	.role = ROLE_SPOOL,
	.reads_lists = CONF_LISTS_MATCHES,
	.open = role_open,
	.serve = role_serve,
	.peer_up = role_peer_up,
	.peer_down = role_peer_down,
	.message = role_message,
	.reload = role_reload,
	.drain = role_drain,
};
