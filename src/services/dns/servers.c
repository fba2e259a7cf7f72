/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/servers.h"

#include "lib/os/file.h"

enum { RESOLV_BYTES_MAX = 64 * 1024, PORT = 53 };

static size_t lines_read(struct str text, struct stub_server out[STUB_SERVERS_MAX])
{
	size_t count = 0;
	while (text.len && count < STUB_SERVERS_MAX) {
		struct str line = str_trim(str_cut(&text, '\n'));
		if (!str_eq(str_word(&line), STR("nameserver"))) continue;
		/* One of one link, say: fe80::1%eth0. */
		if (!ip_parse(str_word(&line), &out[count].ip)) return 0;
		out[count++].port = PORT;
	}
	return count;
}

size_t servers_get(const struct conf_resolver *conf, const char *resolv,
		   struct stub_server out[STUB_SERVERS_MAX])
{
	size_t count = conf->servers.count;
	struct buf text;
	if (count > STUB_SERVERS_MAX) count = STUB_SERVERS_MAX;
	for (size_t i = 0; i < count; i++)
		out[i] = (struct stub_server){ conf->servers.at[i].ip, conf->servers.at[i].port };
	if (count) return count;
	buf_init(&text, RESOLV_BYTES_MAX);
	if (file_read(str_of(resolv), &text) == 0) count = lines_read(buf_view(&text), out);
	buf_free(&text);
	return count;
}
