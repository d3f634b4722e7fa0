package lexsearch;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.lucene.analysis.Analyzer;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.StopFilter;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.en.EnglishAnalyzer;
import org.apache.lucene.analysis.en.EnglishPossessiveFilter;
import org.apache.lucene.analysis.en.KStemFilter;
import org.apache.lucene.analysis.miscellaneous.ASCIIFoldingFilter;
import org.apache.lucene.analysis.miscellaneous.StemmerOverrideFilter;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.tokenattributes.PositionIncrementAttribute;
import org.apache.lucene.analysis.util.CharTokenizer;
import org.apache.lucene.util.BytesRef;

/** The chains of lexsearch/text/analysis.py, each a Lucene analyzer, made once. */
final class Chains {
  private static final Map<String, Analyzer> KNOWN = new ConcurrentHashMap<>();
  private static final int MOST_WORDS = 500_000;
  private static final Map<String, Map<String, BytesRef[]>> WORDS = new ConcurrentHashMap<>(); // of each chain
  private static volatile Path forms;

  private Chains() {}

  /** Where the forms of words are listed, each with its term; what was read before is forgotten. */
  static void forms(String file) {
    forms = Path.of(file);
    KNOWN.clear();
    WORDS.clear();
  }

  /** The terms of one word; remembered. */
  static BytesRef[] terms(String name, String word) throws IOException {
    Map<String, BytesRef[]> known = WORDS.get(name);
    if (known == null) WORDS.put(name, known = new ConcurrentHashMap<>());
    BytesRef[] terms = known.get(word);
    if (terms != null) return terms;
    List<BytesRef> found = new ArrayList<>();
    try (TokenStream stream = of(name).tokenStream("contents", word)) {
      CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
      stream.reset();
      while (stream.incrementToken()) if (term.length() > 0) found.add(new BytesRef(term));
      stream.end();
    }
    if (known.size() >= MOST_WORDS) known.clear();
    known.put(word, terms = found.toArray(new BytesRef[0]));
    return terms;
  }

  static Analyzer of(String name) throws IOException {
    Analyzer known = KNOWN.get(name);
    if (known != null) return known;
    synchronized (KNOWN) {
      known = KNOWN.get(name);
      if (known == null) KNOWN.put(name, known = name.equals("porter") ? new EnglishAnalyzer() : new Chain(name));
    }
    return known;
  }

  private static final class Chain extends Analyzer {
    private final String name;
    private final StemmerOverrideFilter.StemmerOverrideMap terms;

    Chain(String name) throws IOException {
      this.name = name;
      terms = name.equals("english") ? terms() : null;
    }

    @Override
    protected TokenStreamComponents createComponents(String field) {
      if (name.equals("exact")) return new TokenStreamComponents(new Lines());
      Tokenizer words = new StandardTokenizer();
      TokenStream lower = new LowerCaseFilter(words);
      if (terms == null) return new TokenStreamComponents(words, new ASCIIFoldingFilter(lower));
      TokenStream few = new StopFilter(new EnglishPossessiveFilter(lower), EnglishAnalyzer.ENGLISH_STOP_WORDS_SET);
      TokenStream listed = new StemmerOverrideFilter(new ASCIIFoldingFilter(few), terms);
      return new TokenStreamComponents(words, new KStemFilter(listed));
    }
  }

  /** Each line is a term. */
  private static final class Lines extends CharTokenizer {
    @Override
    protected boolean isTokenChar(int letter) {
      return letter != '\n';
    }
  }

  private static StemmerOverrideFilter.StemmerOverrideMap terms() throws IOException {
    StemmerOverrideFilter.Builder builder = new StemmerOverrideFilter.Builder();
    try (BufferedReader lines = Files.newBufferedReader(forms, StandardCharsets.UTF_8)) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        int tab = line.indexOf('\t');
        if (tab > 0 && line.charAt(0) != '#') builder.add(line.substring(0, tab), line.substring(tab + 1).trim());
      }
    }
    return builder.build();
  }

  /**
   * Texts with NUL between them; for each text how many terms it has, then for each term how many
   * words it stands after the one before, then the terms with NUL between them.
   */
  static byte[] analyze(String name, byte[] joined) throws IOException {
    Analyzer analyzer = of(name);
    Out counts = new Out(), steps = new Out();
    StringBuilder terms = new StringBuilder();
    String texts = new String(joined, StandardCharsets.UTF_8);
    for (int from = 0, to; from <= texts.length(); from = to + 1) {
      to = texts.indexOf('\0', from);
      if (to < 0) to = texts.length();
      int count = 0;
      try (TokenStream stream = analyzer.tokenStream("contents", texts.substring(from, to))) {
        CharTermAttribute term = stream.addAttribute(CharTermAttribute.class);
        PositionIncrementAttribute step = stream.addAttribute(PositionIncrementAttribute.class);
        stream.reset();
        while (stream.incrementToken()) {
          if (term.length() == 0) continue;
          terms.append(term).append('\0');
          steps.number(step.getPositionIncrement());
          count++;
        }
        stream.end();
      }
      counts.number(count);
    }
    byte[] coded = terms.toString().getBytes(StandardCharsets.UTF_8);
    return counts
        .raw(new BytesRef(steps.bytes()))
        .raw(new BytesRef(coded))
        .bytes();
  }
}
