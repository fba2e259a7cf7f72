/* SPDX-License-Identifier: Apache-2.0 */
#include <sysexits.h>
#include <unistd.h>

#include "services/master/master.h"

static void answer_roles(struct master *m, struct channel *ch, uint64_t query)
{
	uint64_t count = 1;
	channel_send_role_row(ch, &(struct msg_role_row){ query, ROLE_MASTER, 0,
							  (uint32_t)getpid(), 0,
							  m->generation });
	for (size_t i = 0; i < m->child_count; i++) {
		const struct child *c = &m->children[i];
		struct msg_role_row row = { query,
					    (uint8_t)c->role,
					    (uint16_t)c->index,
					    (uint32_t)c->pid,
					    c->restarts,
					    c->generation };
		channel_send_role_row(ch, &row);
		count++;
	}
	certificates_tell(m, ch, query);
	channel_send_answer(ch, &(struct msg_answer){ query, count, 0, STR("") });
}

static void answer_reload(struct master *m, struct channel *ch, uint64_t query)
{
	struct buf text;
	buf_init(&text, 64 * 1024);
	int status = config_reload(m, &text);
	channel_send_answer(
		ch, &(struct msg_answer){ query, 0, (uint16_t)status, buf_view(&text) });
	buf_free(&text);
}

void admin_message(struct child *console, enum msg_type type, struct str payload)
{
	struct master *m = console->master;
	struct msg_ask_roles roles;
	struct msg_ask_reload reload;
	if (!console->ch) return;
	if (type == MSG_ask_roles && msg_ask_roles_get(payload, &roles))
		answer_roles(m, console->ch, roles.query);
	else if (type == MSG_ask_reload && msg_ask_reload_get(payload, &reload))
		answer_reload(m, console->ch, reload.query);
}
