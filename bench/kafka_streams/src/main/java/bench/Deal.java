package bench;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** What is kept of a deal: its fields, the stages that it entered, its activities, and which signals are open. */
final class Deal {
    static final long NEVER = Long.MIN_VALUE;

    /** A stage that the deal entered, and when. */
    record Entry(String stage, long atUs) {}

    /** What is known of an activity: when it is or was, whether it took place, whether it is a meeting. */
    record Activity(long atUs, boolean done, boolean meets) {}

    final Map<String, String> fields = new LinkedHashMap<>();
    final List<Entry> entries = new ArrayList<>();
    final Map<String, Activity> activities = new LinkedHashMap<>();
    long createdUs = NEVER;
    long nowUs = NEVER;
    long overstaySinceUs = NEVER;
    long gapSinceUs = NEVER;

    /** The stage that the deal is in now; null before the first. */
    Entry entry() {
        return entries.isEmpty() ? null : entries.get(entries.size() - 1);
    }

    /** The last contact at or before an instant, else the deal's creation. */
    long lastContactUs(long atUs) {
        long last = createdUs;
        for (Activity activity : activities.values()) {
            boolean counts = (activity.done() || activity.meets()) && activity.atUs() <= atUs;
            last = counts ? Math.max(last, activity.atUs()) : last;
        }
        return last;
    }

    /** Whether a contact is planned within so long after an instant. */
    boolean planned(long atUs, long planUs) {
        for (Activity activity : activities.values()) {
            if (!activity.done() && activity.atUs() > atUs && activity.atUs() - atUs <= planUs) {
                return true;
            }
        }
        return false;
    }

    static Serde<Deal> serde() {
        return Serdes.serdeFrom((topic, deal) -> deal == null ? null : deal.encoded(), (topic, bytes) -> decoded(bytes));
    }

    private byte[] encoded() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
        try (DataOutputStream out = new DataOutputStream(bytes)) {
            for (long instant : new long[] {createdUs, nowUs, overstaySinceUs, gapSinceUs}) {
                out.writeLong(instant);
            }
            out.writeShort(fields.size());
            for (Map.Entry<String, String> field : fields.entrySet()) {
                out.writeUTF(field.getKey());
                out.writeUTF(field.getValue());
            }
            out.writeShort(entries.size());
            for (Entry entry : entries) {
                out.writeUTF(entry.stage());
                out.writeLong(entry.atUs());
            }
            out.writeShort(activities.size());
            for (Map.Entry<String, Activity> one : activities.entrySet()) {
                out.writeUTF(one.getKey());
                out.writeLong(one.getValue().atUs());
                out.writeBoolean(one.getValue().done());
                out.writeBoolean(one.getValue().meets());
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return bytes.toByteArray();
    }

    private static Deal decoded(byte[] bytes) {
        if (bytes == null) {
            return null;
        }
        Deal deal = new Deal();
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
            deal.createdUs = in.readLong();
            deal.nowUs = in.readLong();
            deal.overstaySinceUs = in.readLong();
            deal.gapSinceUs = in.readLong();
            for (int left = in.readShort(); left > 0; left--) {
                deal.fields.put(in.readUTF(), in.readUTF());
            }
            for (int left = in.readShort(); left > 0; left--) {
                deal.entries.add(new Entry(in.readUTF(), in.readLong()));
            }
            for (int left = in.readShort(); left > 0; left--) {
                deal.activities.put(in.readUTF(), new Activity(in.readLong(), in.readBoolean(), in.readBoolean()));
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        return deal;
    }
}
