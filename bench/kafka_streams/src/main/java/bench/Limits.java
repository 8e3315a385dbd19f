package bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** The playbook's limits as a table, by the value that the CRM writes for a stage; times in microseconds. */
record Limits(Map<String, Limit> byStage, long planUs) {

    /** One stage: whether deals in it are open, how long they may stay, how long they may be without a contact. */
    record Limit(boolean open, long overstayUs, long contactUs) {}

    /** Reads {"plan_us": n, "stages": {value: {"open": b, "overstay_us": n, "contact_us": n}}}. */
    static Limits read(File file) throws IOException {
        JsonNode root = new ObjectMapper().readTree(file);
        Map<String, Limit> stages = new HashMap<>();
        root.get("stages").properties().forEach(one -> stages.put(one.getKey(), limit(one.getValue())));
        return new Limits(stages, root.get("plan_us").asLong());
    }

    private static Limit limit(JsonNode node) {
        return new Limit(
                node.get("open").asBoolean(), node.get("overstay_us").asLong(), node.get("contact_us").asLong());
    }
}
