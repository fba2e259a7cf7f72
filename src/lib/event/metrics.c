/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/metrics.h"

#include <stdlib.h>
#include <string.h>

enum metric_type { GAUGE, COUNTER };

static const struct {
	const char *name;
	enum metric_type type;
	const char *sentence;
} table[] = {
#define METRIC(name, type, sentence) { #name, type, sentence },
#include "lib/event/metrics.def"
#undef METRIC
};

static const struct source {
	enum metric metric;
	enum event_name event;
	const char *label;
	enum event_field field; /* FIELD_COUNT: none */
	const char *result;
} sources[] = {
#define METRIC(name, type, sentence)
#define COUNTED(name, event, label, field, result) \
	{ METRIC_##name, EVENT_##event, label, field, result },
#include "lib/event/metrics.def"
#undef METRIC
};

enum { SOURCES = sizeof sources / sizeof *sources };

struct series {
	char value[METRICS_LABEL_MAX];
	size_t len;
	uint64_t count;
};

struct metrics {
	uint64_t events[EVENT_COUNT];
	struct {
		size_t count;
		struct series at[METRICS_VALUES_MAX + 1]; /* the last one: "other" */
	} of[SOURCES];
};

struct metrics *metrics_new(void) { return calloc(1, sizeof(struct metrics)); }

void metrics_free(struct metrics *m) { free(m); }

static struct series *series_of(struct metrics *m, size_t source, struct str value)
{
	size_t *count = &m->of[source].count;
	value = str_sub(value, 0, METRICS_LABEL_MAX);
	for (size_t i = 0; i < *count; i++) {
		struct series *s = &m->of[source].at[i];
		if (s->len == value.len && memcmp(s->value, value.at, value.len) == 0) return s;
	}
	if (*count == METRICS_VALUES_MAX + 1) return &m->of[source].at[METRICS_VALUES_MAX];
	if (*count == METRICS_VALUES_MAX) value = STR("other");
	struct series *s = &m->of[source].at[(*count)++];
	memcpy(s->value, value.at, value.len);
	s->len = value.len;
	return s;
}

void metrics_count(struct metrics *m, const struct event_view *v)
{
	if (v->name <= EVENT_NONE || v->name >= EVENT_COUNT) return;
	m->events[v->name]++;
	for (size_t i = 0; i < SOURCES; i++) {
		if (sources[i].event != v->name) continue;
		struct str value = sources[i].field == FIELD_COUNT
					   ? STR("") : event_view_get(v, sources[i].field, NULL);
		series_of(m, i, value.len ? value : STR("-"))->count++;
	}
}

void metric_head(enum metric metric, struct buf *out)
{
	buf_fmt(out, "# HELP ims_%s %s\n# TYPE ims_%s %s\n", table[metric].name,
		table[metric].sentence, table[metric].name,
		table[metric].type == COUNTER ? "counter" : "gauge");
}

static void label_write(struct metric_label label, bool first, struct buf *out)
{
	buf_fmt(out, "%s%s=\"", first ? "{" : ",", label.name);
	for (size_t i = 0; i < label.value.len; i++) {
		char c = label.value.at[i];
		if (c == '\n') {
			buf_str(out, STR("\\n"));
			continue;
		}
		if (c == '\\' || c == '"') buf_byte(out, '\\');
		buf_byte(out, c);
	}
	buf_byte(out, '"');
}

void metric_line(enum metric metric, struct metric_label a, struct metric_label b,
		 int64_t value, struct buf *out)
{
	buf_fmt(out, "ims_%s", table[metric].name);
	if (a.name) label_write(a, true, out);
	if (b.name) label_write(b, !a.name, out);
	if (a.name || b.name) buf_byte(out, '}');
	buf_fmt(out, " %lld\n", (long long)value);
}

static void source_write(const struct metrics *m, size_t source, struct buf *out)
{
	const struct source *s = &sources[source];
	struct metric_label result = { s->result ? "result" : NULL,
				       str_of(s->result ? s->result : "") };
	if (!s->label) {
		uint64_t count = m->of[source].count ? m->of[source].at[0].count : 0;
		metric_line(s->metric, result, (struct metric_label){ 0 }, (int64_t)count, out);
		return;
	}
	for (size_t i = 0; i < m->of[source].count; i++) {
		const struct series *series = &m->of[source].at[i];
		metric_line(s->metric,
			(struct metric_label){ s->label, { series->value, series->len } },
			result, (int64_t)series->count, out);
	}
}

static void events_write(const struct metrics *m, struct buf *out)
{
	metric_head(METRIC_events_total, out);
	for (size_t i = 1; i < EVENT_COUNT; i++)
		metric_line(METRIC_events_total,
			(struct metric_label){ "event", event_row((enum event_name)i)->name },
			(struct metric_label){ 0 }, (int64_t)m->events[i], out);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
	events_write(m, out);
	for (size_t i = 0; i < SOURCES; i++) {
		if (i == 0 || sources[i].metric != sources[i - 1].metric)
			metric_head(sources[i].metric, out);
		source_write(m, i, out);
	}
}
