#include "result_json.h"

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *hist_to_json(const struct hist *hist)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < HIST_N; i++)
		if (hist->buckets[i])
			(void)json_array_append_new(array,
				json_pack("[o,o]", number(hist_top(i)), number(hist->buckets[i])));
	return array;
}

static json_t *latency_to_json(const struct flow *flow, bool with_hist)
{
	static const struct {
		const char *name;
		double q;
	} quantiles[] = {{"p50_ns", 0.5}, {"p90_ns", 0.9}, {"p99_ns", 0.99}, {"p99_9_ns", 0.999},
		{"p99_99_ns", 0.9999}, {"p99_999_ns", 0.99999}, {"max_ns", 1}};
	const struct hist *hist = &flow->latency;
	json_t *object = json_object();

	(void)json_object_set_new(object, "count", number(hist->count));
	if (!hist->count)
		return object;
	(void)json_object_set_new(object, "min_ns", number(flow->latency_min_ns));
	(void)json_object_set_new(object, "mean_ns",
		json_real(flow->latency_sum_ns / (double)hist->count));
	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		(void)json_object_set_new(object, quantiles[i].name,
			number(hist_quantile(hist, quantiles[i].q)));
	if (with_hist)
		(void)json_object_set_new(object, "hist", hist_to_json(hist));
	return object;
}

static json_t *flow_to_json(const struct engine *engine, const struct sender *sender,
	const struct flow *flow, bool hist)
{
	const struct track *track = &flow->track;

	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:{s:o,s:o}}", "port",
		engine->ports[flow->port].port.name, "received", number(track->received), "lost",
		number(sender->sent - track->received), "duplicated", number(track->duplicated),
		"reordered", number(track->reordered), "reorder_max", number(track->reorder_max),
		"stale", number(track->stale), "corrupted", number(flow->corrupted), "latency",
		latency_to_json(flow, hist), "gap", "max_ns", number(flow->gap_ns), "at_ns",
		number(flow->gap_at_ns));
}

static json_t *sender_to_json(const struct engine *engine, const struct sender *sender, bool hist)
{
	const struct stream *stream = &sender->stream;
	json_t *to = json_array();

	for (unsigned i = 0; i < stream->n_to; i++)
		(void)json_array_append_new(to,
			flow_to_json(engine, sender, &sender->flows[i], hist));
	return json_pack("{s:i,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id", stream->id, "from",
		engine->ports[stream->from].port.name, "intended",
		number(sender->sent + sender->refused + sender->pace.n_late), "sent",
		number(sender->sent), "refused", number(sender->refused), "late",
		number(sender->pace.n_late), "bytes", number(sender->bytes), "flooded",
		number(sender->flooded), "misrouted", number(sender->misrouted), "to", to);
}

static json_t *counts_to_json(const struct engine_port *port)
{
	const struct engine_counts *counts = &port->counts;

	return json_pack("{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "name", port->port.name, "tx",
		number(counts->tx), "rx", number(counts->rx), "tx_bytes", number(counts->tx_bytes),
		"rx_bytes", number(counts->rx_bytes), "foreign", number(counts->foreign),
		"learning", number(counts->learning), "unknown", number(counts->unknown), "down",
		number(counts->down));
}

static json_t *timeline_to_json(const struct engine_run *run)
{
	json_t *sent = json_array(), *received = json_array(), *latency = json_array();
	struct engine_tick last = {0};

	for (unsigned i = 0; i < run->n_ticks; i++) {
		const struct engine_tick *tick = &run->ticks[i];
		uint64_t n = tick->received - last.received;
		double sum_ns = tick->latency_sum_ns - last.latency_sum_ns;

		(void)json_array_append_new(sent, number(tick->sent - last.sent));
		(void)json_array_append_new(received, number(n));
		(void)json_array_append_new(latency, json_real(n ? sum_ns / (double)n : 0));
		last = *tick;
	}
	return json_pack("{s:f,s:o,s:o,s:o}", "interval_ms", run->interval_s * 1e3, "sent", sent,
		"received", received, "latency_ns", latency);
}

json_t *result_to_json(const struct engine *engine, const struct engine_run *run, bool hist)
{
	json_t *streams = json_array(), *ports = json_array();

	for (unsigned i = 0; i < engine->n_senders; i++)
		(void)json_array_append_new(streams,
			sender_to_json(engine, &engine->senders[i], hist));
	for (unsigned i = 0; i < engine->n_ports; i++)
		(void)json_array_append_new(ports, counts_to_json(&engine->ports[i]));
	json_t *result = json_pack("{s:f,s:b,s:f,s:I,s:I,s:o,s:o}", "seconds", run->seconds,
		"stopped", run->stopped, "run_share", run->run_share, "involuntary",
		(json_int_t)run->involuntary, "voluntary", (json_int_t)run->voluntary, "streams",
		streams, "ports", ports);
	if (result && run->interval_s > 0)
		(void)json_object_set_new(result, "timeline", timeline_to_json(run));
	return result;
}

json_t *ports_to_json(const struct engine *engine)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < engine->n_ports; i++) {
		const struct port *port = &engine->ports[i].port;

		(void)json_array_append_new(array,
			json_pack("{s:s,s:s,s:b,s:s,s:i,s:b}", "name", port->name, "type",
				port->ops->type, "up", port->is_up, "features", port->features,
				"ring", (int)port->ring, "huge", port->huge));
	}
	return array;
}
