/* SPDX-License-Identifier: Apache-2.0 */
/* Any argument of ETRN: every domain that comes out is held here, and is one that the client
 * may ask for; in lower case, with a line end behind it. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/policy/facts.h"

enum { OUT_MAX = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
	"domain a.example B.A.example ba.example { deliver hold-for-etrn up; etrn-from 192.0.2.0/24 }\n"
	"domain c.example { deliver hold-for-etrn; etrn-from 198.51.100.1 }\n"
	"domain d.example { deliver route up }\nroute up { via 127.0.0.1 }\n";

static const struct conf *conf_make(void)
{
	struct conf_bundle *bundle = calloc(1, sizeof *bundle);
	struct conf_errors errors;
	assert(bundle);
	conf_bundle_init(bundle);
	conf_errors_init(&errors);
	bool good = conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)) &&
	            conf_bundle_set_hostname(bundle, STR("host.example"));
	struct conf *conf = good ? conf_parse(bundle, &errors) : NULL;
	assert(conf);
	conf_errors_free(&errors);
	conf_bundle_free(bundle);
	free(bundle);
	return conf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct conf *conf;
	char memory[OUT_MAX];
	struct buf out;
	struct facts f = { 0 };
	if (!conf) conf = conf_make();
	assert(ip_parse(STR("192.0.2.7"), &f.client));
	f.conf = conf;
	buf_init_fixed(&out, memory, sizeof memory);
	enum policy_etrn got =
		policy_etrn_domains(&f, (struct str){ (const char *)data, size }, &out);
	if (got != POLICY_ETRN_OK) return 0;
	assert(out.len > 0 && out.at[out.len - 1] == '\n');
	for (struct str rest = buf_view(&out); rest.len;) {
		struct str name = str_cut(&rest, '\n');
		const struct conf_domain *d = conf_domain_find(conf, name);
		assert(d == &conf->domains[0] && d->deliver.held);
		for (size_t i = 0; i < name.len; i++) assert(name.at[i] == ascii_lower(name.at[i]));
	}
	return 0;
}
