/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/conf/providers.h"

enum { PROVIDER_TEXT_MAX = 512 };

#define PROVIDER(profile, name, words) { CONF_##profile, STR_INIT(name), STR_INIT(words) },
const struct conf_provider conf_providers[] = {
#include "lib/conf/providers.def"
};
#undef PROVIDER
const size_t conf_provider_count = sizeof conf_providers / sizeof *conf_providers;

static bool is_there(struct conf_parser *p, size_t own, struct str name)
{
	const struct conf_pacing *blocks = (void *)conf_many_of(p, CONF_BLOCK_conf_pacing)->at;
	for (size_t i = 0; i < own; i++)
		if (str_eq(blocks[i].name, name)) return true;
	return false;
}

void conf_providers_add(struct conf_parser *p)
{
	static const struct str names[] = {
		[CONF_PACING_PROFILE_2026_11] = STR_INIT("pacing-profile 2026-11"),
		[CONF_PACING_PROFILE_NONE] = STR_INIT("pacing-profile none"),
	};
	size_t own = conf_many_of(p, CONF_BLOCK_conf_pacing)->count;
	for (size_t i = 0; i < conf_provider_count; i++) {
		const struct conf_provider *row = &conf_providers[i];
		char text[PROVIDER_TEXT_MAX];
		struct buf out;
		if (row->profile != p->conf->pacing_profile || is_there(p, own, row->name)) continue;
		buf_init_fixed(&out, text, sizeof text);
		buf_str(&out, STR("pacing "));
		buf_str(&out, row->name);
		buf_str(&out, STR(" { "));
		buf_str(&out, row->words);
		buf_str(&out, STR(" }"));
		conf_read_source(p, CONF_SOURCE_FILE, names[row->profile], buf_view(&out), true);
	}
}
