package bench;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.state.Stores;

/**
 * Arguments: servers, topic, events, folder, run, limits file, guarantee. Reads the topic twice: once to let the
 * virtual machine compile what is hot, once to measure. Prints one line of JSON.
 *
 * <p>Settings: one stream thread, RocksDB with its changelog and the record cache that is on by default, the commit
 * interval that belongs to the guarantee (30 s at least once, 100 ms exactly once).
 */
public final class Main {
    private static final long PATIENCE_S = 240;

    private final Map<String, String> given;
    private final Limits limits;

    private Main(Map<String, String> given, Limits limits) {
        this.given = given;
        this.limits = limits;
    }

    /** What a run took, in seconds of the wall and of this process's processor time. */
    private record Took(double wallS, double cpuS, long transitions) {}

    public static void main(String[] words) throws Exception {
        Map<String, String> given = Map.of(
                "servers", words[0], "topic", words[1], "events", words[2], "folder", words[3],
                "run", words[4], "limits", words[5], "guarantee", words[6]);
        Main main = new Main(given, Limits.read(new File(given.get("limits"))));
        Took cold = main.run("cold");
        Took warm = main.run("warm");
        System.out.printf(
                Locale.ROOT,
                "{\"events\": %s, \"seconds\": %.3f, \"cpu_seconds\": %.3f, \"transitions\": %d, \"cold_seconds\": %.3f}%n",
                given.get("events"), warm.wallS, warm.cpuS, warm.transitions, cold.wallS);
    }

    private Took run(String name) throws Exception {
        TwoKinds.Progress progress = TwoKinds.Progress.of(Long.parseLong(given.get("events")));
        KafkaStreams streams = new KafkaStreams(topology(progress), settings(name));
        long cpuNs = 0;
        try {
            streams.start();
            while (progress.firstNs().get() == 0) {
                cpuNs = cpuNs();
                Thread.sleep(1);
            }
            if (!progress.done().await(PATIENCE_S, TimeUnit.SECONDS)) {
                throw new IllegalStateException("did not finish");
            }
        } finally {
            streams.close(Duration.ofSeconds(30)); // which commits
        }
        double wallS = (System.nanoTime() - progress.firstNs().get()) / 1e9;
        return new Took(wallS, (cpuNs() - cpuNs) / 1e9, progress.transitions().get());
    }

    private Topology topology(TwoKinds.Progress progress) {
        Topology topology = new Topology();
        var deals = Stores.persistentKeyValueStore(TwoKinds.STORE);
        topology.addSource("events", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), given.get("topic"));
        topology.addProcessor("detect", () -> new TwoKinds(limits, progress), "events");
        topology.addStateStore(
                Stores.keyValueStoreBuilder(deals, Serdes.String(), Deal.serde()).withCachingEnabled(), "detect");
        topology.addSink(
                "signals", given.get("run") + ".signals", Serdes.String().serializer(), Serdes.ByteArray().serializer(),
                "detect");
        return topology;
    }

    private Properties settings(String name) {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("run") + "-" + name);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("servers"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Path.of(given.get("folder"), name).toString());
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, given.get("guarantee"));
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        return settings;
    }

    private static long cpuNs() {
        var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        return system.getProcessCpuTime();
    }
}
