/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that no way leads to now: no route matches, or the route lacks a file. It is not tried, so
 * no attempt counts against it; it is warned of and expires as other mail that waits. */
#include "spool/action.h"
#include "spool/spool.h"

static struct unreachable *find(struct spool *s, struct str name)
{
	for (size_t i = 0; i < s->unreachable_count; i++)
		if (str_eq(str_of(s->unreachable[i].name), name)) return &s->unreachable[i];
	return NULL;
}

/* Its mail is tried now: what has been put off meanwhile does not wait for its time. */
static bool retry(struct spool *s, struct str name)
{
	char text[160];
	struct buf selector;
	buf_init_fixed(&selector, text, sizeof text);
	buf_str(&selector, STR("route "));
	buf_str(&selector, name);
	return act_begin(s, &(struct msg_act){ .action = QUEUE_RETRY,
		.selector = buf_view(&selector), .reason = STR("the route has what it needs") });
}

void unreachable_tick(struct spool *s)
{
	for (size_t i = s->unreachable_count; i-- > 0;) {
		struct unreachable *u = &s->unreachable[i];
		if (!u->owed || !retry(s, str_of(u->name))) continue;
		*u = s->unreachable[--s->unreachable_count];
	}
}

void unreachable_set(struct spool *s, const struct msg_route_state *m)
{
	struct unreachable *u = find(s, m->name);
	if (m->why.len == 0) {
		if (u) u->owed = true;
		owed_tick(s);
		return;
	}
	if (!u && s->unreachable_count == CONF_ROUTE_FILES_MAX) return;
	if (!u) u = &s->unreachable[s->unreachable_count++];
	u->owed = false;
	(void)str_to_cstr(m->name, u->name, sizeof u->name);
	(void)str_to_cstr(str_sub(m->why, 0, sizeof u->why - 1), u->why, sizeof u->why);
}

static const struct unreachable *lacking(struct spool *s, const struct route *route)
{
	const struct unreachable *u = route->via ? find(s, route->via->name) : NULL;
	return u && !u->owed ? u : NULL;
}

bool unreachable_is(struct spool *s, const struct route *route)
{
	return route->kind == ROUTE_NONE || lacking(s, route);
}

bool unreachable_fate(struct spool *s, const struct route *route, struct fate *fate)
{
	const struct unreachable *u = lacking(s, route);
	struct buf why;
	if (route->kind == ROUTE_NONE) {
		s->unrouted = true;
		*fate = (struct fate){ .state = SPOOL_DEFERRED, .dsn = STR("4.4.4"),
			.text = STR(ACTION_NO_ROUTE "; the message is kept"),
			.route = route_name(route) };
		return true;
	}
	if (!u) return false;
	buf_init_fixed(&why, s->unreachable_why, sizeof s->unreachable_why);
	buf_str(&why, STR(ACTION_ROUTE_LACKS ", the message is kept: "));
	buf_str(&why, str_of(u->why));
	*fate = (struct fate){ .state = SPOOL_DEFERRED, .dsn = STR("4.3.5"),
		.text = buf_view(&why), .route = route->via->name };
	return true;
}
