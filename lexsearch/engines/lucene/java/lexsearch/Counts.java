package lexsearch;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.tokenattributes.BytesTermAttribute;
import org.apache.lucene.analysis.tokenattributes.TermFrequencyAttribute;
import org.apache.lucene.util.ArrayUtil;
import org.apache.lucene.util.BytesRef;

/**
 * How often a document says each word, as lexsearch/engines/fields.py has it: `said` in how many
 * captions, `early` how early, from 1 to 8. Terms go into the index with these numbers, so that no
 * word has to be written out as often, and is looked up once.
 */
final class Counts {
  private static final int QUARTERS = 4, MOST_EARLY = 8;

  private final Map<String, Word> words = new HashMap<>();

  private static final class Word {
    int captions, last = -1;
    double early;
  }

  /** A caption a line, with a space between words. */
  Counts(String lines) {
    int line = 0;
    for (int from = 0, to; from <= lines.length(); from = to + 1, line++) {
      to = lines.indexOf('\n', from);
      if (to < 0) to = lines.length();
      if (to > from) add(lines, from, to, line);
    }
  }

  private void add(String lines, int from, int to, int line) {
    int all = 1;
    for (int at = from; at < to; at++) if (lines.charAt(at) == ' ') all++;
    for (int place = 0, end; from < to; place++, from = end + 1) {
      end = lines.indexOf(' ', from);
      if (end < 0 || end > to) end = to;
      String said = lines.substring(from, end);
      Word word = words.get(said);
      if (word == null) words.put(said, word = new Word());
      word.early += QUARTERS * (1 - place / (double) all);
      if (word.last == line) continue;
      word.last = line;
      word.captions++;
    }
  }

  TokenStream said(String chain) throws IOException {
    return terms(chain, false);
  }

  TokenStream early(String chain) throws IOException {
    return terms(chain, true);
  }

  private TokenStream terms(String chain, boolean early) throws IOException {
    Terms terms = new Terms(words.size());
    for (Map.Entry<String, Word> one : words.entrySet()) {
      Word word = one.getValue();
      int times = early ? (int) Math.min(MOST_EARLY, Math.max(1, Math.rint(word.early / word.captions))) : word.captions;
      for (BytesRef term : Chains.terms(chain, one.getKey())) terms.add(term, times);
    }
    return terms;
  }

  private static final class Terms extends TokenStream {
    private final BytesTermAttribute term = addAttribute(BytesTermAttribute.class);
    private final TermFrequencyAttribute frequency = addAttribute(TermFrequencyAttribute.class);
    private BytesRef[] terms;
    private int[] times;
    private int size, next;

    Terms(int words) {
      terms = new BytesRef[words];
      times = new int[words];
    }

    void add(BytesRef one, int count) {
      if (size == terms.length) {
        terms = ArrayUtil.grow(terms);
        times = ArrayUtil.growExact(times, terms.length);
      }
      terms[size] = one;
      times[size++] = count;
    }

    @Override
    public void reset() {
      next = 0;
    }

    @Override
    public final boolean incrementToken() {
      if (next == size) return false;
      clearAttributes();
      term.setBytesRef(terms[next]);
      frequency.setTermFrequency(times[next++]);
      return true;
    }
  }
}
