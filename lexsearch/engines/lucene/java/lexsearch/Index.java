package lexsearch;

import java.io.File;
import java.io.IOException;
import org.apache.lucene.index.DirectoryReader;
import org.apache.lucene.index.SegmentInfos;
import org.apache.lucene.search.IndexSearcher;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.Directory;
import org.apache.lucene.store.FSDirectory;

/** An index in a folder as it was when it was opened, whatever is committed after that. */
final class Index {
  static final String MADE = "lexsearch"; // the note's name
  private static final int MOST_CLAUSES = 65_536;

  private final String note;
  private final State state;

  private Index(State state, String note) {
    this.state = state;
    this.note = note;
  }

  /** note: that the last commit must have. */
  static Index open(String folder, String note) throws IOException {
    IndexSearcher.setMaxClauseCount(MOST_CLAUSES);
    // The folder is never closed: nothing of it is held, and all that is opened from it shares it.
    Directory directory = FSDirectory.open(new File(folder).toPath());
    check(directory, note);
    return new Index(new State(DirectoryReader.open(directory)), note);
  }

  /** Throws OutdatedLayout where the last commit has another note; any note will do for "". */
  static void check(Directory directory, String note) throws IOException {
    String found = SegmentInfos.readLatestCommit(directory).getUserData().get(MADE);
    if (!note.isEmpty() && !note.equals(found)) throw new OutdatedLayout(found);
  }

  /** Whether nothing was committed since. */
  boolean isCurrent() throws IOException {
    State held = hold();
    try {
      return held.reader.isCurrent();
    } finally {
      held.reader.decRef();
    }
  }

  /** The index as it is now: one more, which shares with this one what is still the same. */
  Index reopened() throws IOException {
    State held = hold();
    DirectoryReader newer;
    try {
      newer = DirectoryReader.openIfChanged(held.reader);
      if (newer == null) {
        held.reader.incRef();
        return new Index(held, note);
      }
    } finally {
      held.reader.decRef();
    }
    try {
      check(newer.directory(), note);
    } catch (IOException | RuntimeException error) {
      newer.close();
      throw error;
    }
    return new Index(new State(newer), note);
  }

  /** Its state, held open until its reader's decRef. */
  State hold() {
    if (state.reader.tryIncRef()) return state;
    throw new AlreadyClosedException("this index is closed");
  }

  void close() throws IOException {
    state.reader.decRef();
  }
}
