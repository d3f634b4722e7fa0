package lexsearch;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.FSDirectory;

/**
 * All that Python calls. Static methods alone, which any thread may call without a lock; an index
 * or a writer goes by a number.
 */
public final class Bridge {
  private static final Map<Integer, Index> INDEXES = new ConcurrentHashMap<>();
  private static final Map<Integer, Writer> WRITERS = new ConcurrentHashMap<>();
  private static final AtomicInteger LAST = new AtomicInteger();

  private Bridge() {}

  private static Index index(int number) {
    Index index = INDEXES.get(number);
    if (index == null) throw new AlreadyClosedException("this index is closed");
    return index;
  }

  private static Writer writer(int number) {
    Writer writer = WRITERS.get(number);
    if (writer == null) throw new AlreadyClosedException("this writer is closed");
    return writer;
  }

  // Terms

  public static void forms(String file) {
    Chains.forms(file);
  }

  public static byte[] analyze(String chain, byte[] texts) throws IOException {
    return Chains.analyze(chain, texts);
  }

  // Reading

  public static void check(String folder, String note) throws IOException {
    try (Directory directory = FSDirectory.open(new File(folder).toPath())) {
      Index.check(directory, note);
    }
  }

  public static int open(String folder, String note) throws IOException {
    return numbered(Index.open(folder, note));
  }

  private static int numbered(Index index) {
    int number = LAST.incrementAndGet();
    INDEXES.put(number, index);
    return number;
  }

  public static boolean isCurrent(int index) throws IOException {
    return index(index).isCurrent();
  }

  public static int reopen(int index) throws IOException {
    return numbered(index(index).reopened());
  }

  public static int documents(int index) {
    State state = index(index).hold();
    try {
      return state.reader.numDocs();
    } finally {
      release(state);
    }
  }

  public static byte[] search(int index, byte[] request) throws IOException {
    State state = index(index).hold();
    try {
      return state.search(new In(request));
    } finally {
      release(state);
    }
  }

  public static byte[] frequencies(int index, byte[] terms) throws IOException {
    State state = index(index).hold();
    try {
      return state.frequencies(new In(terms));
    } finally {
      release(state);
    }
  }

  public static byte[] similar(int index, byte[] term) throws IOException {
    State state = index(index).hold();
    try {
      return state.similar(new In(term));
    } finally {
      release(state);
    }
  }

  public static byte[] stored(int index, byte[] ids) throws IOException {
    State state = index(index).hold();
    try {
      return state.stored(new In(ids));
    } finally {
      release(state);
    }
  }

  public static void close(int index) throws IOException {
    Index open = INDEXES.remove(index);
    if (open != null) open.close();
  }

  private static void release(State state) {
    try {
      state.reader.decRef();
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    }
  }

  // Writing

  public static int openWriter(byte[] settings) throws IOException {
    int number = LAST.incrementAndGet();
    WRITERS.put(number, new Writer(new In(settings)));
    return number;
  }

  public static void add(int writer, byte[] documents) throws IOException {
    writer(writer).add(new In(documents));
  }

  public static void delete(int writer, byte[] ids) throws IOException {
    writer(writer).delete(new In(ids));
  }

  public static void deleteAll(int writer) throws IOException {
    writer(writer).deleteAll();
  }

  public static void commit(int writer) throws IOException {
    writer(writer).commit();
  }

  public static void join(int writer) throws IOException {
    writer(writer).join();
  }

  public static void rollback(int writer) throws IOException {
    writer(writer).rollback();
  }

  public static void closeWriter(int writer) throws IOException {
    Writer open = WRITERS.remove(writer);
    if (open != null) open.close();
  }
}
