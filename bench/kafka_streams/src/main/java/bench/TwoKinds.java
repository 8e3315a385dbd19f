package bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Time in stage and contact gap, per deal: the time that passed until the event is judged first, then the event is
 * folded, then judged again, as the playbook's laws want it. A signal goes out when one opens or resolves.
 */
final class TwoKinds implements Processor<String, byte[], String, byte[]> {
    static final String STORE = "deals";

    private final ObjectMapper json = new ObjectMapper();
    private final Limits limits;
    private final Progress progress;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Deal> deals;

    /** How far the run is, seen from outside. */
    record Progress(AtomicLong firstNs, AtomicLong left, AtomicLong transitions, CountDownLatch done) {
        static Progress of(long events) {
            return new Progress(new AtomicLong(), new AtomicLong(events), new AtomicLong(), new CountDownLatch(1));
        }
    }

    TwoKinds(Limits limits, Progress progress) {
        this.limits = limits;
        this.progress = progress;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        this.deals = context.getStateStore(STORE);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        progress.firstNs().compareAndSet(0, System.nanoTime());
        try {
            fold(record, json.readTree(record.value()));
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        if (progress.left().decrementAndGet() == 0) {
            progress.done().countDown();
        }
    }

    private void fold(Record<String, byte[]> record, JsonNode event) throws IOException {
        Deal held = deals.get(record.key());
        Deal deal = held == null ? new Deal() : held;
        long atUs = event.get("at_us").asLong();
        if (atUs >= deal.nowUs) {
            judge(record, deal, atUs - 1); // what came due before the event
            apply(deal, event, atUs);
            deal.nowUs = atUs;
            judge(record, deal, atUs);
        }
        deals.put(record.key(), deal);
    }

    private static void apply(Deal deal, JsonNode event, long atUs) {
        switch (event.get("type").asText()) {
            case "deal_changed" -> applyFields(deal, event, atUs);
            case "activity_changed" -> applyActivity(deal, event);
            case "deal_removed" -> deal.entries.add(new Deal.Entry("", atUs));
            default -> { } // an intent: neither kind reads it
        }
    }

    private static void applyFields(Deal deal, JsonNode event, long atUs) {
        event.get("fields").properties().forEach(one -> deal.fields.put(one.getKey(), one.getValue().asText("")));
        if (deal.createdUs == Deal.NEVER) {
            JsonNode created = event.get("fields").get("created_at");
            deal.createdUs = created != null && created.isNumber() ? created.asLong() : atUs;
        }
        String stage = deal.fields.get("stage");
        if (stage != null && (deal.entry() == null || !deal.entry().stage().equals(stage))) {
            deal.entries.add(new Deal.Entry(stage, atUs));
        }
    }

    private static void applyActivity(Deal deal, JsonNode event) {
        JsonNode fields = event.get("fields");
        String name = event.get("activity").asText();
        JsonNode at = fields.get("at_us");
        if (fields.path("removed").asBoolean()) {
            deal.activities.remove(name);
        } else if (at != null && at.isNumber()) {
            boolean done = fields.path("done").asBoolean();
            deal.activities.put(name, new Deal.Activity(at.asLong(), done, fields.path("meets").asBoolean()));
        }
    }

    private void judge(Record<String, byte[]> record, Deal deal, long atUs) throws IOException {
        Deal.Entry entry = deal.entry();
        Limits.Limit limit = entry == null ? null : limits.byStage().get(entry.stage());
        boolean open = limit != null && limit.open();
        long since = open && atUs - entry.atUs() > limit.overstayUs() ? entry.atUs() : Deal.NEVER;
        deal.overstaySinceUs = told(record, "stage_overstay", deal.overstaySinceUs, since, atUs);
        long contact = open ? deal.lastContactUs(atUs) : Deal.NEVER;
        boolean gap = contact != Deal.NEVER
                && atUs - contact > limit.contactUs()
                && !deal.planned(atUs, limits.planUs());
        deal.gapSinceUs = told(record, "contact_gap", deal.gapSinceUs, gap ? contact : Deal.NEVER, atUs);
    }

    /** Say what changed between two answers of a detector; the new one. */
    private long told(Record<String, byte[]> record, String kind, long before, long after, long atUs)
            throws IOException {
        if (before != after && before != Deal.NEVER) {
            tell(record, kind, "resolved", before, atUs);
        }
        if (before != after && after != Deal.NEVER) {
            tell(record, kind, "opened", after, atUs);
        }
        return after;
    }

    private void tell(Record<String, byte[]> record, String kind, String step, long anchorUs, long atUs)
            throws IOException {
        ObjectNode signal = json.createObjectNode();
        signal.put("kind", kind).put("transition", step).put("subject_key", record.key());
        signal.put("anchor_us", anchorUs).put("occurred_at_us", atUs);
        progress.transitions().incrementAndGet();
        context.forward(record.withValue(json.writeValueAsBytes(signal)));
    }
}
