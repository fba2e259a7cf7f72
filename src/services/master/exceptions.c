/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions with a last day (`tls-policy … until`): that it has passed is told, so that nobody
 * wonders why mail goes another way, and what is of no use any more is removed. */
#include "lib/base/units.h"
#include "services/master/master.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

static void tell(struct master *m, const struct conf_tls_policy *policy)
{
	char rule[1200], until[32];
	struct buf where, day;
	buf_init_fixed(&where, rule, sizeof rule);
	buf_init_fixed(&day, until, sizeof until);
	buf_str(&where, policy->origin.file);
	buf_fmt(&where, ":%u", policy->origin.line);
	units_date_write(&day, policy->until_ms);
	event_begin(&m->log, EVENT_tls_policy_over, 0, 0);
	event_str(&m->log, FIELD_domain, policy->names[0]);
	event_str(&m->log, FIELD_rule, buf_view(&where));
	event_str(&m->log, FIELD_until, buf_view(&day));
	event_str(&m->log, FIELD_reason, policy->reason);
	event_end(&m->log);
}

void exceptions_look(struct master *m, bool all)
{
	int64_t now_ms = loop_wall_ms(m->loop);
	if (!all && now_ms / DAY_MS == m->exceptions_day) return;
	m->exceptions_day = now_ms / DAY_MS;
	for (size_t i = 0; i < m->conf->tls_policy_count; i++)
		if (conf_tls_policy_is_over(&m->conf->tls_policies[i], now_ms))
			tell(m, &m->conf->tls_policies[i]);
}
