package lexsearch;

import java.io.File;
import java.io.IOException;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.SegmentInfos;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.FSDirectory;

/** An index in a folder, open for reading. */
final class Index {
  static final String MADE = "lexsearch"; // the note's name
  private static final int MOST_CLAUSES = 65_536;

  private final Directory directory;
  private final String note;
  private volatile State state;

  /** note: that the last commit must have. */
  Index(String folder, String note) throws IOException {
    IndexSearcher.setMaxClauseCount(MOST_CLAUSES);
    this.note = note;
    directory = FSDirectory.open(new File(folder).toPath());
    check(directory, note);
    state = new State(DirectoryReader.open(directory), 1);
  }


  /** Throws OutdatedLayout where the last commit has another note; any note will do for "". */
  static void check(Directory directory, String note) throws IOException {
    String found = SegmentInfos.readLatestCommit(directory).getUserData().get(MADE);
    if (!note.isEmpty() && !note.equals(found)) throw new OutdatedLayout(found);
  }

  /** See what was committed last; the state's number. Searches under way keep the old one open. */
  synchronized int refresh() throws IOException {
    State old = state;
    DirectoryReader newer = DirectoryReader.openIfChanged(old.reader);
    if (newer == null) return old.number;
    try {
      check(directory, note);
    } catch (IOException | RuntimeException error) {
      newer.close();
      throw error;
    }
    state = new State(newer, old.number + 1);
    old.reader.close();
    return state.number;
  }

  /** The state of now, held open until its reader's decRef. */
  State hold() {
    while (true) {
      State now = state;
      if (now.reader.tryIncRef()) return now;
      if (now == state) throw new AlreadyClosedException("this index is closed");
    }
  }

  synchronized void close() throws IOException {
    state.reader.close();
    directory.close();
  }
}
