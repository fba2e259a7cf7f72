/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/policy/repair.h"

#include "lib/smtp/address.h"

enum mail_repair_how policy_repair(const struct conf_listener *listener)
{
	switch (listener->repair) {
	case CONF_REPAIR_NO: return MAIL_REPAIR_NO;
	case CONF_REPAIR_MISSING: return MAIL_REPAIR_MISSING;
	case CONF_REPAIR_YES: return MAIL_REPAIR_ALL;
	case CONF_REPAIR_BY_ROLE: break;
	}
	return listener->role == CONF_ROLE_SUBMISSION ? MAIL_REPAIR_MISSING : MAIL_REPAIR_NO;
}

enum fit { NOT, EVERYBODY, DOMAIN, ADDRESS };

/* How well the block means the address. */
static enum fit fit_of(const struct conf_sender_map *map, struct str address, struct str domain)
{
	enum fit best = map->senders.count ? NOT : EVERYBODY;
	for (size_t i = 0; i < map->senders.count; i++) {
		struct str sender = map->senders.at[i];
		if (smtp_address_eq(sender, address)) return ADDRESS;
		if (str_starts(sender, STR("@")) && str_eq_nocase(str_from(sender, 1), domain))
			best = DOMAIN;
	}
	return best;
}

static bool is_of(const struct conf_sender_map *map, struct str listener)
{
	for (size_t i = 0; i < map->listeners.count; i++)
		if (str_eq(map->listeners.at[i], listener)) return true;
	return map->listeners.count == 0;
}

struct str policy_map_sender(const struct conf *conf, const struct conf_listener *listener,
			     struct str address)
{
	const struct conf_sender_map *found = NULL;
	struct str local, domain;
	enum fit best = NOT;
	smtp_address_split(address, &local, &domain);
	if (policy_repair(listener) != MAIL_REPAIR_ALL || !address.len) return STR("");
	for (size_t i = 0; i < conf->sender_map_count; i++) {
		const struct conf_sender_map *map = &conf->sender_maps[i];
		enum fit fit = fit_of(map, address, domain);
		if (fit <= best || !is_of(map, listener->name)) continue;
		best = fit;
		found = map;
	}
	return found && !smtp_address_eq(found->to, address) ? found->to : STR("");
}
