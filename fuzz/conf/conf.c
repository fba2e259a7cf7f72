/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as configuration. A NUL begins a file of host rules named /h, which is one of
 * filtered senders named /s, too. What parses must also be shown, and parse again; a
 * bundle's record must never harm its reader. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/conf/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SHOWN_MAX = 64 * 1024 * 1024 };

static struct conf *parse(struct str text, struct str hosts)
{
	static struct conf_bundle bundle;
	struct conf_errors errors;
	struct buf printed;
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	buf_init(&printed, SHOWN_MAX);
	struct conf *conf = NULL;
	if (conf_bundle_add(&bundle, CONF_SOURCE_FILE, STR("f"), text) &&
	    conf_bundle_add(&bundle, CONF_SOURCE_HOSTS, STR("/h"), hosts) &&
	    conf_bundle_add(&bundle, CONF_SOURCE_SENDERS, STR("/s"), hosts))
		conf = conf_parse(&bundle, &errors);
	conf_errors_write(&errors, &printed);
	if (!conf && errors.errors == 0 && bundle.count == 3) abort();
	buf_free(&printed);
	conf_errors_free(&errors);
	conf_bundle_free(&bundle);
	return conf;
}

/* The effective text of a configuration is a configuration, and stays what it is. */
static void show_again(const struct conf *conf)
{
	struct buf first, second;
	buf_init(&first, SHOWN_MAX);
	buf_init(&second, SHOWN_MAX);
	conf_show(conf, CONF_SHOW_JSON, &first);
	buf_reset(&first);
	conf_show(conf, CONF_SHOW_EFFECTIVE, &first);
	struct conf *again = parse(buf_view(&first), STR(""));
	if (!again) abort();
	conf_show(again, CONF_SHOW_CHANGED, &second);
	buf_reset(&first);
	conf_show(conf, CONF_SHOW_CHANGED, &first);
	struct conf *changed = parse(buf_view(&first), STR(""));
	if (!changed) abort();
	conf_free(changed);
	conf_free(again);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf_bundle bundle;
	struct str hosts = { (const char *)data, size };
	if (conf_bundle_decode(hosts, &bundle)) conf_bundle_free(&bundle);
	struct str text = str_cut(&hosts, '\0');
	struct conf *conf = parse(text, hosts);
	if (!conf) return 0;
	(void)conf_host_find(conf, ip_of_v4((uint32_t)size));
	(void)conf_domain_find(conf, STR("example.com"));
	(void)conf_route_match(conf, &(struct conf_route_ask){ STR("a.b.example.com"), STR("x@y.example.com"), STR("x@y") });
	(void)conf_network_find(&conf->relay.from, ip_of_v4((uint32_t)size));
	(void)conf_network_find(&conf->relay.never, (struct ip){ { 0x20, 1 } });
	show_again(conf);
	conf_free(conf);
	return 0;
}
